"""A run that is under way: what its steps share."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from monitor.journeys.cookies import Cookies
from monitor.journeys.document import Journey, Step
from monitor.journeys.results import Keeper
from monitor.journeys.templates import Scope
from monitor.probing.finding import Way

# What is kept for steps that always run, of the time that a journey has.
CLEANUP_SHARE = 0.1
MOST_CLEANUP_S = 5.0


@dataclass
class Run:
    """What the steps of one run share."""

    journey: Journey
    way: Way
    scope: Scope
    keeper: Keeper
    keep_all: bool
    cookies: Cookies | None
    row: Mapping[str, Any]
    ends_at: float
    has_failed: bool = False
    # Set by a script: the name of what follows, or None for the end.
    jump: Any = msgspec.UNSET
    known_names: set[str] = field(default_factory=set)
    hidden_cookies: set[str] = field(default_factory=set)

    def left_s(self, step: Step) -> float:
        share = 0.0
        if not step.always_run and any(each.always_run for each in self.journey.steps):
            share = min(self.way.timeout_s * CLEANUP_SHARE, MOST_CLEANUP_S)
        return self.ends_at - share - time.monotonic()
