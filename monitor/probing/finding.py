"""What one look at a target found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitor.lib.outbound import BLOCKED_MESSAGE, OutboundPolicy
from monitor.lib.outbound.connecting import Resolve, system_resolve
from monitor.lib.outbound.lines import Phases

BLOCKED_WORDS = f"{BLOCKED_MESSAGE} OUTBOUND_ALLOW lists the private networks that are."


class Outcome(StrEnum):
    """UNKNOWN is an error of our own, which says nothing about the target. WAITING is a group's that has
    nothing to go by yet."""

    OK = "ok"
    SLOW = "slow"
    FAILED = "failed"
    WAITING = "waiting"
    UNKNOWN = "unknown"


class OwnError(Exception):
    """We could not look: our machine, our settings, our database. Never the target's failure."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How it went, in one plain sentence, with what is worth keeping: masked and capped already."""

    outcome: Outcome
    message: str
    response_ms: float | None = None
    phases: Phases | None = None
    certificate_until: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    # Whether the guard of addresses did not let it out.
    is_blocked: bool = False


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a probe may go out."""

    policy: OutboundPolicy
    timeout_s: float
    # Whose token caches and the like these are; the monitor's id, or empty in a test before saving.
    name: str = ""
    resolve: Resolve = system_resolve
