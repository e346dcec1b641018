"""Keep searches of the log table by a name: one's own, and the team's."""

from monitor.search.saved.keeping import NameTaken, change_view, keep_view, reach_view

__all__ = ["NameTaken", "change_view", "keep_view", "reach_view"]
