"""Judge rules on every log that is kept."""

from monitor.alerts.judge import judge

__all__ = ["judge"]
