"""OpenTelemetry's protocol: requests out of spans."""

from monitor.otlp.requests import Reading, read_requests
from monitor.otlp.spans import Malformed, TooMany

__all__ = ["Malformed", "Reading", "TooMany", "read_requests"]
