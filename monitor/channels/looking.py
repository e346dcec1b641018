"""Requests that show what a notification speaks of, and the explorer opened on them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import DatabaseError

from monitor.api.errors import DATABASE_AWAY
from monitor.events.body import rfc3339
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import RequestLog
from monitor.models.keys import Mode
from monitor.models.logs import RequestLogQuerySet

logger = logging.getLogger(__name__)
MOST_SAMPLES = 3
# A notification is sent without requests sooner than late.
LIMIT = timedelta(seconds=1)
MAX_PATH_CHARS, MAX_ERROR_CHARS = 200, 200


@dataclass(frozen=True, kw_only=True)
class Look:
    """Which requests show what is spoken of; the sender finds some when it comes to that."""

    service_id: UUID
    since: datetime
    until: datetime
    endpoint_id: UUID | None = None
    consumer: str = ""
    consumer_id: UUID | None = None
    environment: str = ""
    tag: str = ""
    status_class: str = ""
    # Slower ones alone, where the explorer is opened.
    min_latency_ms: float | None = None
    # Of these the failed, the slowest or the newest ones.
    order: Literal["failed", "slowest", "newest"] = "newest"

    @property
    def address(self) -> str:
        """The explorer with these requests, for who reads it elsewhere."""
        return f"{settings.PUBLIC_URL}{self.path}"

    @property
    def path(self) -> str:
        """The explorer with these requests."""
        asked: dict[str, object] = {
            "service_id": self.service_id,
            "endpoint_id": self.endpoint_id,
            "consumer": self.consumer,
            "environment": self.environment,
            "tag": self.tag,
            "status_class": self.status_class,
            "min_latency_ms": f"{self.min_latency_ms:g}" if self.min_latency_ms is not None else "",
            "since": rfc3339(self.since),
            "until": rfc3339(self.until),
        }
        known = {name: str(value) for name, value in asked.items() if value not in (None, "")}
        return f"/dashboard?{urlencode(known)}"


def samples_of(look: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Up to three requests, as they are kept with their notification; none that cannot be had in time."""
    if look is None:
        return []
    return [sample_of(log) for log in requests_of(msgspec.convert(look, Look), most=MOST_SAMPLES)]


def requests_of(look: Look, *, most: int) -> list[RequestLog]:
    """The requests that it speaks of, in its order or else the newest; none that cannot be had in time."""
    for order in dict.fromkeys((look.order, "newest")):
        try:
            with time_limit(LIMIT):
                return list(ordered(logs_of(look), order)[:most])
        except TookTooLong:
            continue
        except DATABASE_AWAY:
            raise
        except DatabaseError:
            logger.exception("Requests of a time could not be found")
            break
    return []


def logs_of(look: Look) -> RequestLogQuerySet:
    """The live requests that it speaks of."""
    narrowed: dict[str, Any] = {
        "endpoint_id": look.endpoint_id,
        "consumer_id": look.consumer_id,
        "consumer__identifier": look.consumer if look.consumer_id is None else "",
        "environment": look.environment,
        "tags__contains": [look.tag] if look.tag else None,
    }
    if look.status_class:
        hundred = int(look.status_class[0]) * 100
        narrowed["status_code__range"] = (hundred, hundred + 99)
    known = {name: value for name, value in narrowed.items() if value not in (None, "")}
    logs = RequestLog.objects.of_services([look.service_id]).within(look.since, look.until)
    return logs.filter(mode=Mode.LIVE, **known)


def ordered(logs: RequestLogQuerySet, order: str) -> RequestLogQuerySet:
    if order == "slowest":
        return logs.filter(latency_ms__isnull=False).order_by("-latency_ms", "-id")
    return (logs.failed() if order == "failed" else logs).newest_first()


def sample_of(log: RequestLog) -> dict[str, Any]:
    """A request in a line. It was masked before it was kept; its query is left out."""
    return {
        "method": log.method,
        "path": log.path[:MAX_PATH_CHARS],
        "status_code": log.status_code,
        "latency_ms": log.latency_ms,
        "error": (log.error or "")[:MAX_ERROR_CHARS],
        "at": rfc3339(log.captured_at),
        "url": f"{settings.PUBLIC_URL}/log/{log.id}",
    }
