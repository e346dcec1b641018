"""Drafts of what ingestion has to tell: none where nobody listens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings

from monitor.events.body import rfc3339
from monitor.events.draft import Draft
from monitor.events.listening import is_wanted
from monitor.models import AlertEvent, AlertRule, Consumer


class Kept(Protocol):
    """A log that was kept, as it is told."""

    @property
    def id(self) -> UUID: ...
    @property
    def organization_id(self) -> UUID: ...
    @property
    def service_id(self) -> UUID: ...
    @property
    def mode(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def consumer_identifier(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def captured_at(self) -> datetime: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def failed(self) -> bool: ...


def failed_logs(logs: Iterable[Kept]) -> Iterator[Draft]:
    """log.error of each log that failed."""
    for log in logs:
        if log.failed and is_wanted(log.organization_id, "log.error"):
            data = {
                **facts_of(log),
                "consumer": log.consumer_identifier,
                "trace_id": log.trace_id,
                "captured_at": rfc3339(log.captured_at),
                "url": f"{settings.PUBLIC_URL}/log/{log.id}",
            }
            yield draft_of(log, "log.error", data)


def firing_alerts(
    fired: Sequence[AlertEvent], logs: Sequence[Kept], *, is_silenced: Callable[[AlertRule], bool]
) -> Iterator[Draft]:
    """alert.firing of each event of a rule, with the log that made it fire; none of what people silenced."""
    if not fired:
        return
    by_id: dict[UUID | None, Kept] = {log.id: log for log in logs}
    for event in fired:
        log = by_id.get(event.log_id) if event.log_id else None
        if log is None or not is_wanted(log.organization_id, "alert.firing") or is_silenced(event.rule):
            continue
        rule = event.rule
        data = {
            "rule_id": rule.id,
            "rule": rule.name,
            "condition": rule.condition,
            "message": event.message,
            "severity": rule.severity,
            "runbook_url": rule.runbook_url,
            **facts_of(log),
            "url": f"{settings.PUBLIC_URL}/alerts-ui/{rule.id}",
        }
        yield draft_of(log, "alert.firing", data)


def facts_of(log: Kept) -> dict[str, Any]:
    return {
        "log_id": log.id,
        "method": log.method,
        "path": log.path,
        "status_code": log.status_code,
        "latency_ms": log.latency_ms,
        "error": log.error,
    }


def draft_of(log: Kept, type_: str, data: dict[str, Any]) -> Draft:
    return Draft(
        organization_id=log.organization_id,
        service_id=log.service_id,
        type=type_,
        data=data,
        mode=log.mode,
        environment=log.environment,
        happened_at=log.received_at,
    )


def created_consumer(consumer: Consumer, *, mode: str = "live") -> Draft:
    """A consumer is of no mode in particular; who makes one with a test key hears of it in test mode."""
    data = {
        "consumer_id": consumer.id,
        "identifier": consumer.identifier,
        "name": consumer.name,
        "group": consumer.group,
    }
    return Draft(
        organization_id=consumer.organization_id,
        type="consumer.created",
        data=data,
        mode=mode,
        happened_at=consumer.first_seen_at,
    )
