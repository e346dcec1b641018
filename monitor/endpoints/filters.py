"""The filters that rollups answer for every endpoint: service, environment, mode, window."""

from monitor.search import LogFilter


class EndpointFilter(LogFilter):
    """LogFilter without what only the logs can tell one by one."""

    # django-filter's way to leave a filter out.
    q = None  # type: ignore[assignment] # stubs know no such way
    endpoint_id = None
    method = None  # type: ignore[assignment]
    path = None  # type: ignore[assignment]
    status_code = None  # type: ignore[assignment]
    status_class = None  # type: ignore[assignment]
    min_latency_ms = None  # type: ignore[assignment]
    max_latency_ms = None  # type: ignore[assignment]
    has_error = None  # type: ignore[assignment]
    tag = None  # type: ignore[assignment]
    consumer = None  # type: ignore[assignment]
    trace_id = None  # type: ignore[assignment]
    span_id = None  # type: ignore[assignment]


class OneEndpointFilter(EndpointFilter):
    """The same about one endpoint."""

    endpoint_id = LogFilter.declared_filters["endpoint_id"]
