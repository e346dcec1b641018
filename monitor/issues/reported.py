"""Errors that client libraries counted by themselves. Logs may tell of the same requests: never added up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from monitor.lib.actors import Actor
from monitor.models import Endpoint, ErrorCount, Service
from monitor.models.clients import ErrorKind

# As far back as it is shown, and how much of it: what was met last.
SHOWN_BACK = timedelta(days=30)
MOST_SHOWN = 50
SAME = ("service_id", "endpoint_id", "mode", "kind", "field", "type", "message")


@dataclass(frozen=True, kw_only=True)
class Reported:
    """One error at one endpoint, as clients tell of it, over all consumers, environments and days shown."""

    service_id: UUID
    endpoint: Endpoint
    mode: str
    kind: str
    field: str
    type: str
    message: str
    count: int
    # Those that the client could name.
    consumers: int
    first_seen_at: datetime
    last_seen_at: datetime

    @property
    def kind_words(self) -> str:
        return str(ErrorKind(self.kind).label)


def reported_to(
    actor: Actor,
    *,
    now: datetime,
    fields: Mapping[str, Any] | None = None,
    text: str = "",
    consumer_id: UUID | None = None,
) -> list[Reported]:
    """What clients of the actor's services reported, the latest first. `fields` as of an issue."""
    counts = ErrorCount.objects.filter(service__in=Service.objects.visible_to(actor), **(fields or {}))
    if text:
        counts = counts.filter(
            Q(message__icontains=text) | Q(field__icontains=text) | Q(type__icontains=text)
        )
    if consumer_id is not None:
        counts = counts.filter(consumer=consumer_id)
    return in_groups(counts, now=now)


def reported_at(endpoint: Endpoint, *, now: datetime) -> list[Reported]:
    """What clients reported at an endpoint that the caller has reached."""
    # The service too: there is an index that begins with it.
    return in_groups(ErrorCount.objects.filter(service=endpoint.service_id, endpoint=endpoint), now=now)


def in_groups(counts: QuerySet[ErrorCount], *, now: datetime) -> list[Reported]:
    found = list(
        counts.filter(day__gte=(now - SHOWN_BACK).date())
        .values(*SAME)
        .annotate(
            times=Sum("count"),
            consumers=Count("consumer", distinct=True),
            first=Min("first_seen_at"),
            last=Max("last_seen_at"),
        )
        .order_by("-last", *SAME)[:MOST_SHOWN]
    )
    endpoints = Endpoint.objects.select_related("service").in_bulk({row["endpoint_id"] for row in found})
    return [
        Reported(
            **{name: row[name] for name in SAME if name != "endpoint_id"},
            endpoint=endpoints[row["endpoint_id"]],
            count=row["times"],
            consumers=row["consumers"],
            first_seen_at=row["first"],
            last_seen_at=row["last"],
        )
        for row in found
        if row["endpoint_id"] in endpoints
    ]
