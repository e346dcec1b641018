"""What each organization uses, by key and day: written with what is used, added up by the worker."""

from monitor.usage.calls import count_call, flush_calls
from monitor.usage.record import Use, record_use

__all__ = ["Use", "count_call", "flush_calls", "record_use"]
