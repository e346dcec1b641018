"""Make the days that logs will need, and let old days go."""

from monitor.retention.days import drop_old_days, make_days_ahead

__all__ = ["drop_old_days", "make_days_ahead"]
