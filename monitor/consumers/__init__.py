"""Know who calls, and forget them when asked to."""

from monitor.consumers.forget import forget
from monitor.consumers.ranking import ConsumerRow, rank, told

__all__ = ["ConsumerRow", "forget", "rank", "told"]
