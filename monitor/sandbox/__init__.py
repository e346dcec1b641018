"""Try the product without real data: made-up requests in test mode, and all test data gone by one word."""

from monitor.sandbox.drop import drop_test_data
from monitor.sandbox.fill import MOST_HOURS, MOST_REQUESTS, fill, sandbox_service

__all__ = ["MOST_HOURS", "MOST_REQUESTS", "drop_test_data", "fill", "sandbox_service"]
