"""One attempt: lay it out as the channel's kind does, and tell. Knows no database; many run at once."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
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
    message: Message = field(repr=False)
    number: int
    trigger: str

    @property
    def is_late(self) -> bool:
        return self.number > LATE_AFTER


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attempt. `error_class` is empty when it was told."""

    job: Job
    started_at: datetime
    duration_ms: float
    status_code: int | None = None
    error_class: str = ""
    error: str = ""
    is_permanent: bool = False
    retry_after: timedelta | None = None
    answer: str = ""

    @property
    def is_told(self) -> bool:
        return not self.error_class


def attempt(job: Job, *, now: datetime, timeout_s: float = ATTEMPT_S) -> Outcome:
    """Tell, whatever happens; an error of ours is an outcome like any other."""
    began = time.monotonic()
    way = Way(now=now, timeout_s=timeout_s)
    facts: dict[str, Any] = {}
    try:
        kind = kind_named(job.kind)
        whole = opened(job.config, job.sealed)
        way = Way(now=now, timeout_s=timeout_s, hidden=secrets_in(whole, kind.masked(whole)))
        kind.tell(kind.read(whole), job.message, way)
    except NotTold as refused:
        facts = {
            "error_class": refused.error_class,
            "error": refused.message,
            "is_permanent": refused.is_permanent,
            "retry_after": refused.retry_after,
        }
    except BadConfig as error:
        # Options that were fit when they were saved, under another version: no try will change that.
        facts = {"error_class": "internal", "error": error.message, "is_permanent": True}
    except CannotOpen as error:
        facts = {"error_class": "internal", "error": str(error)}
    except Exception as error:
        # A fault of ours must not end the thread that sends for everybody; the attempt is tried again.
        logger.exception("The attempt of notification %s failed by itself", job.delivery_id)
        facts = {"error_class": "internal", "error": f"An error of the sender: {type(error).__name__}."}
    facts["error"] = way.hide(storable(facts.get("error", "")))[:MAX_ERROR_CHARS]
    return Outcome(
        job=job,
        started_at=now,
        duration_ms=(time.monotonic() - began) * 1000,
        status_code=way.status_code,
        answer=storable(way.answer),
        **facts,
    )
