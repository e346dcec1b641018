"""Judge rules: on every log that is kept, and every minute over windows."""

from monitor.alerts.judge import judge, quiet_by

__all__ = ["judge", "quiet_by"]
