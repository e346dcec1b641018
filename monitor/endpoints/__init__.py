"""Know each endpoint: which cost the most time, and how one of them does."""

from monitor.endpoints.filters import EndpointFilter
from monitor.endpoints.ranking import EndpointRow, Order, rank, with_last_seen

__all__ = ["EndpointFilter", "EndpointRow", "Order", "rank", "with_last_seen"]
