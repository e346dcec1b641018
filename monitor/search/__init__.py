"""Find kept requests."""

from monitor.search.backend import LogFilterBackend
from monitor.search.detail import LogDetail, reach_log, read_detail
from monitor.search.filters import LogFilter, refusal
from monitor.search.window import Window

__all__ = ["LogDetail", "LogFilter", "LogFilterBackend", "Window", "reach_log", "read_detail", "refusal"]
