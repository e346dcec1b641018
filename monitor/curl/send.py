"""Send what was pasted as a replay is sent, and keep it as a log of the service."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from monitor.curl.command import CurlRequest
from monitor.ingest import accept, fit
from monitor.ingest.decode import LogItem, Undecodable, convert_item
from monitor.ingest.entry import Sender
from monitor.lib.outbound import BadHeader, OutboundError, OutboundResponse, origin_of
from monitor.lib.outbound.errors import BlockedTarget
from monitor.models import Service
from monitor.replay.prepare import Outgoing, ReplayRefused, TargetNotAllowed, check_target
from monitor.replay.send import call, note_blocked_target
from monitor.usage import Use, record_use


def send_and_keep(
    request: CurlRequest,
    service: Service,
    *,
    mode: str,
    actor_label: str,
    source_ip: str | None,
    now: datetime,
) -> UUID:
    """Send the request and give the id of the log of it, also where no answer came.

    The targets are those of replays: the service's own origins. Raises ReplayRefused, or TargetNotAllowed,
    before anything is sent.
    """
    try:
        check_target(request.url, service=service, asked=True)
    except TargetNotAllowed as refused:
        note_blocked_target(service, refused.origin)
        raise
    outgoing = Outgoing(
        method=request.method,
        url=request.url,
        headers=list(request.headers),
        body=request.body,
        omitted_headers=[],
        omitted_params=[],
    )
    try:
        told = told_by(call(outgoing))
    except OutboundError as error:
        told = {"error": str(error)}
        if isinstance(error, BlockedTarget):
            note_blocked_target(service, origin_of(request.url))
    except BadHeader as error:
        raise ReplayRefused("command", str(error)) from None
    except ValueError as error:  # the method
        raise ReplayRefused("command", str(error)) from None
    # Counted as what it is, a request sent for somebody, whether an answer came or not.
    record_use([Use(organization_id=service.organization_id, mode=mode, day=now.date(), replays=1)])
    item = item_of(request, told, actor_label=actor_label, source_ip=source_ip, now=now)
    # Rules that leave requests out are for what services report; this one was asked for by hand.
    sender = replace(Sender.of_service(service, mode=mode), exclusions=())
    outcome = accept([item], sender, now=now)
    if outcome.rejections:
        rejected = outcome.rejections[0]
        raise ReplayRefused(
            "command", f"It was sent, but cannot be kept. {rejected.field}: {rejected.message}"
        )
    return outcome.entries[0].id


def item_of(
    request: CurlRequest, told: dict[str, Any], *, actor_label: str, source_ip: str | None, now: datetime
) -> LogItem | Undecodable:
    parts = urlsplit(request.url)
    try:
        return convert_item(
            {
                "method": request.method,
                "url": request.url,
                "path": fit.cut(parts.path or "/", fit.MAX_PATH),
                "query_params": fit.query_params(parts.query),
                "request_headers": by_name(request.headers),
                "request_body": request.body,
                # So it is found again, and known from what the service reports itself.
                "tags": fit.tags([("sent", "curl"), ("sent_by", actor_label)]),
                "source_ip": source_ip,
                "timestamp": now,
                **told,
            }
        )
    except Undecodable as error:
        return error


def told_by(answer: OutboundResponse) -> dict[str, Any]:
    """What the answer says, in the fields of a log."""
    return {
        "status_code": answer.status_code,
        "latency_ms": answer.latency_ms,
        "response_headers": by_name(answer.headers),
        "response_body": answer.body.decode(errors="replace"),
        "response_truncated": answer.truncated,
    }


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str | list[str]] | None:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return fit.headers(found.items())
