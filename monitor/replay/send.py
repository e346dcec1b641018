"""Send a prepared request, and keep what came back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from monitor.audit import note_blocked
from monitor.events import record_event
from monitor.lib import masking
from monitor.lib.kept_text import RULES, content_type, cut, storable
from monitor.lib.outbound import BadHeader, OutboundError, OutboundPolicy, OutboundResponse, origin_of, send
from monitor.lib.outbound.errors import BlockedTarget
from monitor.models import Replay, Service
from monitor.models.replays import ReplayStatus
from monitor.replay.prepare import Outgoing, Overrides, ReplayRefused, TargetNotAllowed, lines, prepare
from monitor.search import LogDetail
from monitor.usage import Use, record_use


def replay(
    detail: LogDetail,
    overrides: Overrides,
    *,
    actor_label: str,
    source_ip: str | None,
    now: datetime,
    key_id: UUID | None = None,
) -> Replay:
    """Send the request again and keep the outcome, with who asked and from where.

    Any answer is a success, whatever its code; no answer is a failure, and says why. Redirects are not
    followed, so that they show. Raises ReplayRefused before anything is sent.
    """
    try:
        outgoing = prepare(detail, overrides, service=detail.log.service)
    except TargetNotAllowed as refused:
        note_blocked_target(detail.log.service, refused.origin)
        raise
    record = Replay(
        service=detail.log.service,
        original_log_id=detail.log.id,
        method=outgoing.method,
        url=masking.mask_url(outgoing.url, rules=RULES),
        overrides=masked_overrides(overrides),
        omitted_headers=outgoing.omitted_headers,
        omitted_params=outgoing.omitted_params,
        replayed_at=now,
        replayed_by=actor_label,
        source_ip=source_ip,
    )
    try:
        note_answer(record, call(outgoing))
    except BadHeader as error:
        raise ReplayRefused("override_headers", str(error)) from None
    except OutboundError as error:
        record.status = ReplayStatus.FAILED
        record.error = storable(masking.mask_text(str(error), rules=RULES))
        if isinstance(error, BlockedTarget):
            note_blocked_target(detail.log.service, origin_of(outgoing.url))
    keep(record, detail, key_id=key_id)
    return record


def note_blocked_target(service: Service, origin: str) -> None:
    """That somebody would have had us call what may not be called for this service."""
    note_blocked(
        organization_id=service.organization_id,
        target_type="service",
        target_id=service.id,
        target_label=service.name,
        address=origin,
    )


@transaction.atomic
def keep(record: Replay, detail: LogDetail, *, key_id: UUID | None) -> None:
    """The replay, and word of it to those who listen."""
    record.save(force_insert=True)
    use = Use(
        organization_id=record.service.organization_id,
        key_id=key_id,
        mode=detail.log.mode,
        day=record.replayed_at.date(),
        replays=1,
    )
    record_use([use])
    data = {
        "replay_id": record.id,
        "log_id": record.original_log_id,
        "status": record.status,
        "method": record.method,
        "status_code": record.status_code,
        "latency_ms": record.latency_ms,
        "error": record.error or None,
        "replayed_by": record.replayed_by,
    }
    record_event(
        organization_id=record.service.organization_id,
        service_id=record.service_id,
        type="replay.finished",
        data=data,
        mode=detail.log.mode,
        environment=detail.log.environment,
        now=record.replayed_at,
    )


def call(outgoing: Outgoing) -> OutboundResponse:
    """The answer. Raises OutboundError when none comes within the time limit."""
    return send(
        outgoing.method,
        outgoing.url,
        headers=[*outgoing.headers, ("Accept-Encoding", "gzip, deflate")],
        body=(outgoing.body or "").encode(),
        policy=OutboundPolicy(allow=settings.OUTBOUND_ALLOW, allow_loopback=settings.QUICK_START),
        timeout_s=settings.REPLAY_TIMEOUT_S,
        max_response_bytes=settings.MAX_BODY_BYTES,
    )


def note_answer(record: Replay, answer: OutboundResponse) -> None:
    """Put the answer into the record, masked as logs are."""
    headers: dict[str, str | list[str]] = {}
    for name, value in answer.headers:
        there = headers.get(name)
        headers[name] = value if there is None else [*lines(there), value]
    text = answer.body.decode(errors="replace")
    body, was_cut = cut(masking.mask_body(text, content_type=content_type(headers), rules=RULES))
    record.status = ReplayStatus.SUCCESS
    record.status_code = answer.status_code
    record.latency_ms = answer.latency_ms
    record.response_headers = {
        name: storable(value) if isinstance(value, str) else [storable(line) for line in value]
        for name, value in masking.mask_headers(headers, rules=RULES).items()
    }
    record.response_body = storable(body)
    record.response_truncated = answer.truncated or was_cut


def masked_overrides(overrides: Overrides) -> dict[str, Any]:
    """What was overridden, as it may be kept and shown."""
    kept: dict[str, Any] = {}
    if overrides.url is not None:
        kept["override_url"] = masking.mask_url(storable(overrides.url), rules=RULES)
    if overrides.headers:
        texts = {name: "" if value is None else value for name, value in overrides.headers.items()}
        masked = masking.mask_headers(texts, rules=RULES)
        kept["override_headers"] = {
            name: None if overrides.headers[name] is None else value for name, value in masked.items()
        }
    if overrides.body is not None:
        given = {name: value for name, value in overrides.headers.items() if value is not None}
        body = masking.mask_body(overrides.body, content_type=content_type(given), rules=RULES)
        kept["override_body"] = storable(cut(body)[0])
    return kept
