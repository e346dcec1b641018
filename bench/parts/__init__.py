"""The parts of the bench, in the order `all` runs them."""

from collections.abc import Callable, Mapping
from importlib import import_module

from bench.figures import Result

NAMES = (
    "ingest",
    "batch",
    "mixed",
    "rules",
    "alerts",
    "disk",
    "read",
    "memory",
    "client",
    "webhooks",
    "prober",
)


def parts() -> Mapping[str, Callable[..., Result]]:
    """Imported late: the parts need a Django that is set up."""
    return {name: import_module(f"bench.parts.{name}").measure for name in NAMES}
