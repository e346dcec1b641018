"""Find kept requests."""

from monitor.search.detail import LogDetail, reach_log, read_detail
from monitor.search.filters import LogFilter
from monitor.search.window import Window

__all__ = ["LogDetail", "LogFilter", "Window", "reach_log", "read_detail"]
