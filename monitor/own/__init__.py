"""Requests to our own `/v1` as a service of their own in each organization's log: we watch ourselves, too."""

from monitor.own.calls import OwnCall, calls
from monitor.own.keep import keep_calls

__all__ = ["OwnCall", "calls", "keep_calls"]
