"""One attempt: lay it out as the channel's kind does, and tell. Knows no database; many run at once."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from monitor.channels.config import opened, secrets_in
from monitor.channels.message import Message
from monitor.channels.registry import kind_named
from monitor.channels.way import ATTEMPT_S, NotTold, Way
from monitor.lib.kept_text import storable
from monitor.lib.options import BadConfig
from monitor.lib.secrets import CannotOpen
from monitor.models.channels import MAX_ERROR_CHARS

logger = logging.getLogger(__name__)
# Attempts after which a delivery waits behind new ones when slots are scarce.
LATE_AFTER = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A delivery that was claimed, with all that it takes to tell. Each claim is one of its own."""

    delivery_id: UUID
    lease_id: UUID
    channel_id: UUID
    kind: str
    config: Mapping[str, Any] = field(repr=False)
    sealed: bytes | None = field(repr=False)
    # None where it cannot be laid out; then `fault` says why.
    message: Message | None = field(repr=False)
    number: int
    trigger: str
    fault: str = ""

    @property
    def is_late(self) -> bool:
        return self.number > LATE_AFTER


AnyJob = TypeVar("AnyJob")


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[AnyJob]):
    """What became of an attempt. `error_class` is empty when it was told."""

    job: AnyJob
    started_at: datetime
    duration_ms: float
    status_code: int | None = None
    error_class: str = ""
    error: str = ""
    is_permanent: bool = False
    retry_after: timedelta | None = None
    answer: str = ""
    # Whether the guard of addresses did not let it out.
    is_blocked: bool = False

    @property
    def is_told(self) -> bool:
        return not self.error_class


def attempt(job: Job, *, now: datetime, timeout_s: float = ATTEMPT_S) -> Outcome[Job]:
    """Tell, whatever happens; an error of ours is an outcome like any other."""
    began = time.monotonic()
    way = Way(now=now, timeout_s=timeout_s)
    facts: dict[str, Any] = {}
    try:
        if job.message is None:
            # No try will change what was kept of it.
            raise NotTold(job.fault, error_class="internal", is_permanent=True)
        kind = kind_named(job.kind)
        whole = opened(job.config, job.sealed)
        way = Way(now=now, timeout_s=timeout_s, hidden=secrets_in(whole, kind.masked(whole)))
        kind.tell(kind.read(whole), job.message, way)
    except Exception as error:
        facts = facts_of(error, delivery_id=job.delivery_id)
    return outcome_of(job, way, facts, now=now, began=began)


def facts_of(error: Exception, *, delivery_id: UUID) -> dict[str, Any]:
    """What an attempt that ended so says of itself. A fault of ours must not end the thread that sends for
    everybody: the attempt is tried again."""
    if isinstance(error, NotTold):
        return {
            "error_class": error.error_class,
            "error": error.message,
            "is_permanent": error.is_permanent,
            "retry_after": error.retry_after,
            "is_blocked": error.is_blocked,
        }
    if isinstance(error, BadConfig):
        # Options that were fit when they were saved, under another version: no try will change that.
        return {"error_class": "internal", "error": error.message, "is_permanent": True}
    if isinstance(error, CannotOpen):
        return {"error_class": "internal", "error": str(error)}
    logger.error("The attempt of delivery %s failed by itself", delivery_id, exc_info=error)
    return {"error_class": "internal", "error": f"An error of the sender: {type(error).__name__}."}


def outcome_of(
    job: AnyJob, way: Way, facts: dict[str, Any], *, now: datetime, began: float
) -> Outcome[AnyJob]:
    """`began` is of the monotonic clock; no facts: it was told."""
    words = way.hide(storable(facts.get("error", "")))[:MAX_ERROR_CHARS]
    return Outcome(
        job=job,
        started_at=now,
        duration_ms=(time.monotonic() - began) * 1000,
        status_code=way.status_code,
        answer=storable(way.answer),
        **{**facts, "error": words},
    )
