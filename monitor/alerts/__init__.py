"""Judge rules: on every log that is kept, and every minute over windows."""

from monitor.alerts.judge import judge, quiet_by
from monitor.alerts.quiet import silenced_at

__all__ = ["judge", "quiet_by", "silenced_at"]
