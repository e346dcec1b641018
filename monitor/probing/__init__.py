"""Look at a target once: one module a kind, found by the registry. Knows no tables."""

from monitor.probing.finding import Finding, Outcome, OwnError
from monitor.probing.registry import BadConfig, Kind, all_kinds, kind_named

__all__ = ["BadConfig", "Finding", "Kind", "Outcome", "OwnError", "all_kinds", "kind_named"]
