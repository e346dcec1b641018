"""One attempt: sign, send, and say what came back. Knows no database, so any number run side by side."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from monitor.lib import masking
from monitor.lib.calls import NotTold, call, class_of, text_of
from monitor.lib.kept_text import RULES, cut, storable
from monitor.lib.outbound import OutboundResponse
from monitor.lib.secrets import CannotOpen, unseal
from monitor.webhooks.signing import signature_headers
from monitor.webhooks.targets import policy_for

logger = logging.getLogger(__name__)
# The whole of an attempt, however slowly the answer drips.
ATTEMPT_S = 15.0
KEPT_ANSWER_BYTES = 4 * 1024
MAX_ERROR_CHARS = 500
USER_AGENT = "API-Monitor-Webhooks/1.0"
GONE = 410
# Attempts after which a delivery waits behind new ones when slots are scarce.
LATE_AFTER = 3
Lines = dict[str, str | list[str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A delivery that was claimed, with all that it takes to send it. Each claim is one of its own."""

    delivery_id: UUID
    lease_id: UUID
    endpoint_id: UUID
    message_id: str
    body: bytes = field(repr=False)
    url: str
    mode: str
    sealed_secrets: tuple[bytes, ...] = field(repr=False)
    sealed_headers: bytes | None = field(repr=False)
    # Of this attempt, from 1; and how many of them the schedule made, this one counted.
    number: int
    steps: int
    trigger: str
    event_type: str
    resumes_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether it has failed for so long that new deliveries go before it."""
        return self.steps > LATE_AFTER


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attempt. `error_class` is empty when it was delivered."""

    job: Job
    started_at: datetime
    duration_ms: float
    status_code: int | None = None
    error_class: str = ""
    error: str = ""
    dialled: str | None = None
    headers: Lines = field(default_factory=dict)
    body: str = ""
    truncated: bool = False
    retry_after: str | None = None
    # Whether the guard of addresses did not let it out.
    is_blocked: bool = False

    @property
    def is_delivered(self) -> bool:
        return not self.error_class


def attempt(job: Job, *, now: datetime, timeout_s: float = ATTEMPT_S) -> Outcome:
    """Send, whatever happens; an error of ours is an outcome like any other. `now` dates the signature."""
    began = time.monotonic()
    facts: dict[str, Any]
    try:
        answer = call(
            "POST",
            job.url,
            headers=headers_of(job, now=now),
            body=job.body,
            policy=policy_for(job.mode),
            timeout_s=timeout_s,
        )
        facts = facts_of(answer)
    except NotTold as error:
        facts = {"error_class": error.error_class, "error": error.message, "is_blocked": error.is_blocked}
    except CannotOpen as error:
        facts = {"error_class": "internal", "error": str(error)}
    except Exception as error:
        # A fault of ours must not end the thread that sends for everybody; the attempt is tried again.
        logger.exception("The attempt of delivery %s failed by itself", job.delivery_id)
        facts = {"error_class": "internal", "error": f"An error of the sender: {type(error).__name__}."}
    facts["error"] = masking.mask_text(storable(facts.get("error", "")), rules=RULES)[:MAX_ERROR_CHARS]
    return Outcome(job=job, started_at=now, duration_ms=(time.monotonic() - began) * 1000, **facts)


def headers_of(job: Job, *, now: datetime) -> list[tuple[str, str]]:
    secrets = [unseal(sealed) for sealed in job.sealed_secrets]
    own: Mapping[str, str] = json.loads(unseal(job.sealed_headers)) if job.sealed_headers else {}
    timestamp = int(now.astimezone(UTC).timestamp())
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("Accept-Encoding", "gzip, deflate"),
        *own.items(),
        *signature_headers(job.message_id, job.body, timestamp=timestamp, secrets=secrets),
    ]


def facts_of(answer: OutboundResponse) -> dict[str, Any]:
    """The answer as it is kept: masked as logs are, and short."""
    headers = masking.mask_headers(lines_of(answer), rules=RULES)
    body, was_cut = cut(text_of(answer), KEPT_ANSWER_BYTES)
    error_class = "gone" if answer.status_code == GONE else class_of(answer.status_code)
    return {
        "status_code": answer.status_code,
        "error_class": error_class,
        "error": f"The answer was {answer.status_code}." if error_class else "",
        "dialled": answer.dialled or None,
        "headers": {name: stored(value) for name, value in headers.items()},
        "body": body,
        "truncated": answer.truncated or was_cut,
        "retry_after": answer.header("retry-after"),
    }


def lines_of(answer: OutboundResponse) -> Lines:
    headers: Lines = {}
    for name, value in answer.headers:
        there = headers.get(name)
        if there is None:
            headers[name] = value
        else:
            headers[name] = [*(there if isinstance(there, list) else [there]), value]
    return headers


def stored(value: str | list[str]) -> str | list[str]:
    return storable(value) if isinstance(value, str) else [storable(line) for line in value]
