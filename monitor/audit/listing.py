"""The audit log as it is asked for: one FilterSet for the API, its files and the page."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

import django_filters
from django.db.models import QuerySet

from monitor.api.filters import IdsByMoment
from monitor.export.as_csv import safe
from monitor.models import AuditEntry
from monitor.models.audit import Face
from monitor.search.filters import MomentField, MomentFilter

PAGE = 500
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
COLUMNS = (
    *("id", "happened_at", "organization_id", "actor_kind", "actor_id", "actor_label", "face", "action"),
    *("target_type", "target_id", "target_label", "changes", "note", "ip", "user_agent", "request_id"),
    *("method", "route"),
)


class DayOrMomentField(MomentField):
    """A moment, or a day in UTC, as browsers give it, for its beginning."""

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        return super().to_python(f"{text}T00:00:00Z" if DAY.fullmatch(text) else value)


class DayOrMomentFilter(MomentFilter):
    field_class = DayOrMomentField


class AuditFilter(IdsByMoment, django_filters.FilterSet):
    since = DayOrMomentFilter(method="from_then")
    until = DayOrMomentFilter(method="before_then")
    action = django_filters.CharFilter(method="of_action", max_length=64)
    actor = django_filters.CharFilter(method="of_actor", max_length=200)
    target_type = django_filters.CharFilter(max_length=32)
    target_id = django_filters.CharFilter(max_length=64)
    ip = django_filters.CharFilter(max_length=64)
    request_id = django_filters.CharFilter(max_length=64)
    face = django_filters.ChoiceFilter(choices=Face.choices)
    organization_id = django_filters.UUIDFilter()

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def of_action(self, found: QuerySet[AuditEntry], name: str, action: str) -> QuerySet[AuditEntry]:
        """`service.updated`, or `service.*` for all that begins so."""
        if action.endswith("*"):
            return found.filter(action__startswith=action.rstrip("*"))
        return found.filter(action=action)

    def of_actor(self, found: QuerySet[AuditEntry], name: str, actor: str) -> QuerySet[AuditEntry]:
        """By label, with or without what it is (`user:ada`, `ada`), or by id."""
        return found.filter(actor_label__in=[actor, f"user:{actor}", f"key:{actor}"]) | found.filter(
            actor_id=actor
        )


def walk(found: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """Every row, newest first, by pages: no snapshot lasts as long as a slow reader takes."""
    last = None
    while True:
        rows = found.order_by("-id")
        page = list((rows if last is None else rows.filter(id__lt=last))[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].id


def told(entry: AuditEntry) -> dict[str, object]:
    """The row as plain values."""
    values = {name: getattr(entry, name) for name in COLUMNS}
    return {
        **values,
        "id": str(entry.id),
        "organization_id": entry.organization_id and str(entry.organization_id),
        "happened_at": entry.happened_at.isoformat(),
    }


def as_ndjson(rows: Iterator[AuditEntry]) -> Iterator[bytes]:
    for entry in rows:
        yield json.dumps(told(entry), ensure_ascii=False).encode() + b"\n"


def as_csv(rows: Iterator[AuditEntry]) -> Iterator[bytes]:
    yield line(list(COLUMNS))
    for entry in rows:
        values = told(entry) | {"changes": json.dumps(entry.changes, ensure_ascii=False)}
        yield line([values[name] for name in COLUMNS])


def line(values: list[object]) -> bytes:
    text = StringIO()
    csv.writer(text).writerow([safe(value) for value in values])
    return text.getvalue().encode()


FORMATS: Mapping[str, tuple[str, Callable[[Iterator[AuditEntry]], Iterator[bytes]]]] = {
    "ndjson": ("application/x-ndjson", as_ndjson),
    "csv": ("text/csv; charset=utf-8", as_csv),
}
