"""Judge rules: on every log that is kept, and every minute over windows."""

from monitor.alerts.judge import judge

__all__ = ["judge"]
