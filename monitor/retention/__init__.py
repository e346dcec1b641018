"""Make the days that logs will need, and let old ones go: by age, and when the disk fills up."""

from monitor.retention.days import days_missing, make_days_ahead
from monitor.retention.enforcement import enforce
from monitor.retention.guard import guard_disk
from monitor.retention.plan import Plan, plan_retention

__all__ = ["Plan", "days_missing", "enforce", "guard_disk", "make_days_ahead", "plan_retention"]
