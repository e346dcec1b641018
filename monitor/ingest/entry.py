"""From a typed item to an entry that may be stored: timed, identified, masked, cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from monitor.ingest.decode import HeaderValue, LogItem, Undecodable
from monitor.lib import ids, masking, routes
from monitor.lib.exclusions import Exclusion
from monitor.lib.exported import is_exported_event_id, log_of, scope_of
from monitor.lib.kept_text import RULES, content_type, cut, storable
from monitor.lib.path_rules import PathRule, route_by_rule
from monitor.limits.policies import Limit, log_limits
from monitor.models import ApiKey, Service
from monitor.models.retention import Retention
from monitor.models.services import KeepBodies

MAX_CLOCK_LEAD = timedelta(minutes=5)
MAX_ERROR_CHARS = 2048
MAX_HEADER_BYTES = 8192
# What the columns hold; LogItem refuses longer ones, but a mask may be longer than what it hides.
MAX_NAME_CHARS = 128
MAX_CONTEXT_CHARS = 64
# Unix times in milliseconds begin here; as seconds they would lie in the year 5138.
LOOKS_LIKE_MILLISECONDS = 1e11


def default_retention() -> Retention:
    return Retention(days=settings.RETENTION_DAYS, error_days=settings.RETENTION_DAYS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Whose logs these are, taken from the key they came with."""

    organization_id: UUID
    service_id: UUID
    mode: str
    keep_bodies: str
    retention: Retention = field(default_factory=default_retention)
    path_rules: Sequence[PathRule] = ()
    exclusions: Sequence[Exclusion] = ()
    # The key they came with; None for what people bring themselves.
    key_id: UUID | None = None
    # What the logs count against; none for what people bring themselves.
    limits: tuple[Limit, ...] = ()

    @classmethod
    def of(cls, key: ApiKey) -> "Sender":
        if key.service is None:
            raise ValueError("The key belongs to no service.")
        return replace(cls.of_service(key.service, mode=key.mode), key_id=key.id, limits=log_limits(key))

    @classmethod
    def of_service(cls, service: Service, *, mode: str) -> "Sender":
        """For what people bring themselves, without a key."""
        return cls(
            organization_id=service.organization_id,
            service_id=service.id,
            mode=mode,
            keep_bodies=service.keep_bodies,
            retention=service.retention,
            path_rules=service.path_rules,
            exclusions=service.exclusions,
        )


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A log that holds no secret any more. `payload` is what `monitor.lib.payload` packs.

    A Struct, as a frozen dataclass of so many fields takes seven times as long to make.
    """

    id: UUID
    organization_id: UUID
    service_id: UUID
    mode: str
    environment: str
    method: str
    url: str
    path: str
    route: str
    consumer_identifier: str
    status_code: int | None
    latency_ms: float | None
    error: str | None
    tags: list[str]
    source_ip: str | None
    trace_id: str
    request_bytes: int | None
    response_bytes: int | None
    captured_at: datetime
    received_at: datetime
    repeatable: bool
    payload: Mapping[str, Any]
    key_id: UUID | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None or (self.status_code is not None and self.status_code >= 500)


def prepare(item: LogItem, sender: Sender, *, now: datetime) -> Entry:
    """The entry for one item. Raises Undecodable, with the field, for what only the clock can judge."""
    failed = bool(item.error) or (item.status_code is not None and item.status_code >= 500)
    captured_at = captured_moment(item, sender.retention, failed=failed, now=now)
    repeatable = item.event_id is not None and item.timestamp is not None
    path = masking.mask_url(storable(item.path), rules=RULES)
    method = item.method.upper()
    error = masking.mask_text(storable(item.error), rules=RULES) if item.error else None
    keeps_bodies = sender.keep_bodies == KeepBodies.ALL or (
        sender.keep_bodies == KeepBodies.ERRORS and failed
    )
    return Entry(
        id=_id_for(item, sender, captured_at, repeatable=repeatable),
        organization_id=sender.organization_id,
        service_id=sender.service_id,
        mode=sender.mode,
        environment=label(item.environment, MAX_CONTEXT_CHARS),
        method=method,
        url=masking.mask_url(storable(item.url), rules=RULES),
        path=path,
        route=(sender.path_rules and route_by_rule(sender.path_rules, method, path))
        or named_route(item.route, path),
        consumer_identifier=label(item.consumer, MAX_NAME_CHARS),
        status_code=item.status_code,
        latency_ms=item.latency_ms,
        error=error[:MAX_ERROR_CHARS] if error else None,
        tags=[label(tag, MAX_NAME_CHARS) for tag in item.tags or ()],
        source_ip=item.source_ip or None,
        trace_id=label(item.trace_id, MAX_CONTEXT_CHARS),
        request_bytes=_size(item.request_body, item.request_bytes),
        response_bytes=_size(item.response_body, item.response_bytes),
        captured_at=captured_at,
        received_at=now,
        repeatable=repeatable,
        key_id=sender.key_id,
        payload=_payload(item, error, event_id=_own_event_id(item, sender), keeps_bodies=keeps_bodies),
    )


def captured_moment(item: LogItem, retention: Retention, *, failed: bool, now: datetime) -> datetime:
    """When the request happened: the sender's timestamp, or the arrival. Raises Undecodable."""
    sent = item.timestamp
    if sent is None:
        return now
    if not isinstance(sent, datetime):
        if abs(sent) >= LOOKS_LIKE_MILLISECONDS:
            raise Undecodable(
                "Unix time is expected in seconds, this looks like milliseconds.", field="timestamp"
            )
        # Nothing before 1970 is kept, and before the year 1 Python would raise.
        sent = datetime.fromtimestamp(max(sent, 0.0), tz=UTC)
    if sent > now + MAX_CLOCK_LEAD:
        raise Undecodable("The timestamp is more than 5 minutes in the future.", field="timestamp")
    if sent < retention.oldest_kept(now, failed=failed):
        raise Undecodable(too_old(retention, failed=failed), field="timestamp")
    return sent.astimezone(UTC)


def too_old(retention: Retention, *, failed: bool) -> str:
    days = retention.days_for(failed=failed)
    kept = f"{days} day{'' if days == 1 else 's'}"
    whose = "requests that failed" if failed and retention.error_days != retention.days else "logs"
    return f"The timestamp is older than the {kept} that {whose} are kept."


def _id_for(item: LogItem, sender: Sender, captured_at: datetime, *, repeatable: bool) -> UUID:
    """A repeat of the same event and timestamp gets the same id, so the primary key keeps it once."""
    if not repeatable:
        return ids.uuid7_at(captured_at)
    scope, event_id = scope_of(sender.service_id, sender.mode), item.event_id or ""
    return log_of(event_id, scope, captured_at) or ids.event_uuid7(
        captured_at, scope=scope, event_id=event_id
    )


def _own_event_id(item: LogItem, sender: Sender) -> str | None:
    """The sender's name for the event; not the one that an export gave to a log of here that had none."""
    if item.event_id is None or is_exported_event_id(item.event_id, scope_of(sender.service_id, sender.mode)):
        return None
    return label(item.event_id, MAX_NAME_CHARS) or None


def label(text: str | None, max_chars: int) -> str:
    """A short text that names something, without a secret that somebody put there."""
    return masking.mask_text(storable(text), rules=RULES)[:max_chars] if text else ""


def named_route(sent: str | None, path: str) -> str:
    """The sender's template, else one inferred from the path, which is masked already."""
    if sent:
        # Empty when nothing of it can be shown: then none was sent.
        named = routes.normalize_route(masking.mask_url(storable(sent), rules=RULES))
        if named:
            return named
    return routes.infer_route(path)


def _payload(item: LogItem, error: str | None, *, event_id: str | None, keeps_bodies: bool) -> dict[str, Any]:
    """Everything heavy, masked and cut. Keys without a value are left out."""
    contents: dict[str, Any] = {}
    if item.query_params:
        contents["query_params"] = masking.mask_query_params(item.query_params, rules=RULES)
    if item.request_headers is not None:
        contents["request_headers"] = _headers(item.request_headers, "request_headers")
    if item.response_headers is not None:
        contents["response_headers"] = _headers(item.response_headers, "response_headers")
    if event_id is not None:
        contents["event_id"] = event_id
    if span_id := label(item.span_id, MAX_CONTEXT_CHARS):
        contents["span_id"] = span_id
    if parent_span_id := label(item.parent_span_id, MAX_CONTEXT_CHARS):
        contents["parent_span_id"] = parent_span_id
    if error is not None and len(error) > MAX_ERROR_CHARS:
        contents["error"] = cut(error)[0]
    if item.request_body is not None and keeps_bodies:
        _add_body(contents, "request", item.request_body, was_cut=item.request_truncated)
    elif item.request_body is not None or item.request_body_dropped:
        contents["request_body_dropped"] = True
    if item.response_body is not None and keeps_bodies:
        _add_body(contents, "response", item.response_body, was_cut=item.response_truncated)
    elif item.response_body is not None or item.response_body_dropped:
        contents["response_body_dropped"] = True
    return contents


def _add_body(contents: dict[str, Any], side: str, body: str, *, was_cut: bool | None) -> None:
    """Put the body of one side beside its headers, which are there already."""
    headers = contents.get(f"{side}_headers") or {}
    masked = masking.mask_body(body, content_type=content_type(headers), rules=RULES)
    contents[f"{side}_body"], cut_here = cut(masked)
    if cut_here or was_cut:
        contents[f"{side}_truncated"] = True


def _headers(headers: Mapping[str, HeaderValue], field: str) -> dict[str, str | list[str]]:
    """Header values as text, masked by name. Raises Undecodable for one beyond 8 KiB."""
    texts: dict[str, str | list[str]] = {}
    for name, value in headers.items():
        if isinstance(value, list):
            texts[name] = values = [_text(each) for each in value]
            size = sum(map(len, values))
        else:
            texts[name] = text = value if isinstance(value, str) else _text(value)
            size = len(text)
        if len(name) + size > MAX_HEADER_BYTES:
            raise Undecodable(f"The header is larger than {MAX_HEADER_BYTES:,} bytes.", field=field)
    return masking.mask_headers(texts, rules=RULES)


def _text(value: str | int | float | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _size(body: str | None, reported: int | None) -> int | None:
    """Bytes as sent: the sender knows them best, where what it reports is not the whole body."""
    if reported is not None:
        return reported
    if body is None:
        return None
    return len(body) if body.isascii() else len(body.encode())
