"""Keep calls through the one pipeline, so that they are masked, named and counted as any log."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from monitor.ingest import LogItem, accept
from monitor.ingest.entry import Sender
from monitor.models import Organization, Service
from monitor.models.services import KeepBodies
from monitor.own.calls import OwnCall

# The second where somebody has a service of that name.
NAMES = ("apimonitor", "apimonitor (its own API)")


def keep_calls(waiting: Sequence[OwnCall], *, now: datetime) -> int:
    """How many were kept. Those of an organization that has gone meanwhile are not."""
    by_sender: dict[tuple[UUID, str], list[OwnCall]] = defaultdict(list)
    for call in waiting:
        by_sender[call.organization_id, call.mode].append(call)
    kept = 0
    for (organization_id, mode), group in by_sender.items():
        service = own_service(organization_id)
        if service is not None:
            sender = Sender.of_service(service, mode=mode)
            kept += len(accept([item_of(call) for call in group], sender, now=now).entries)
    return kept


def own_service(organization_id: UUID) -> Service | None:
    """The organization's service of these calls, made at the first; None without such an organization."""
    found = Service.objects.alive().filter(organization=organization_id, is_own=True).first()
    if found is not None or not Organization.objects.filter(id=organization_id).exists():
        return found
    for name in NAMES:
        try:
            with transaction.atomic():
                return Service.objects.create(
                    organization_id=organization_id,
                    name=name,
                    description="Requests to the API of this installation, kept by itself.",
                    base_url=settings.PUBLIC_URL,
                    keep_bodies=KeepBodies.NONE,
                    is_own=True,
                )
        except IntegrityError:
            # Another process was quicker, or the name is taken.
            found = Service.objects.alive().filter(organization=organization_id, is_own=True).first()
            if found is not None:
                return found
    return None


def item_of(call: OwnCall) -> LogItem:
    """The call as a sender would write it. Its request id is the trace, so that either finds the other."""
    query = f"?{call.query}" if call.query else ""
    return msgspec.convert(
        {
            "method": call.method[:16],
            "url": f"{settings.PUBLIC_URL}{call.path}{query}"[:8192],
            "path": call.path[:2048],
            "route": f"/{call.route}",
            "status_code": call.status_code,
            "latency_ms": call.latency_ms,
            "timestamp": call.called_at.timestamp(),
            "event_id": f"{call.request_id}:{call.called_at.timestamp()}",
            "trace_id": call.request_id[:64],
            "tags": [call.caller[:128]],
            "request_headers": {"user-agent": call.user_agent[:1000]} if call.user_agent else {},
            "request_bytes": call.request_bytes,
            "response_bytes": call.response_bytes,
            **({"source_ip": call.ip} if call.ip else {}),
        },
        LogItem,
    )
