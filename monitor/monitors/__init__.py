"""Monitors: what they are, how they stand, and what each check does to that."""

from monitor.monitors.keeping import Checked, keep
from monitor.monitors.register import change_monitor, clone_monitor, make_monitor, set_active

__all__ = ["Checked", "change_monitor", "clone_monitor", "keep", "make_monitor", "set_active"]
