"""Find kept requests."""

from monitor.search.filters import LogFilter
from monitor.search.window import Window

__all__ = ["LogFilter", "Window"]
