"""How this installation is doing: what it counts, what waits, what is left, and what needs a hand."""

from monitor.health.flushing import begin_flushing, flush
from monitor.health.report import Report, look

__all__ = ["Report", "begin_flushing", "flush", "look"]
