"""Rows as lines of JSON, without what opens anything."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.db.models import BinaryField, Model

from monitor.compliance.nouns import Noun, nouns
from monitor.export.as_ndjson import item_of
from monitor.export.walking import walk_pages
from monitor.models import (
    LogPayload,
    MonitorBadge,
    PingKey,
    PushTarget,
    RequestLog,
    StatusPage,
    StatusSubscriber,
)
from monitor.search.finding import Search
from monitor.search.window import Window
from monitor.status.subscribing import shown_target

PAGE = 1000
# Fields that are keys to something. Digests, sealed secrets and packed numbers are binary: left out as such.
KEYS: dict[type[Model], frozenset[str]] = {
    PushTarget: frozenset({"token"}),
    PingKey: frozenset({"key"}),
    MonitorBadge: frozenset({"key"}),
    StatusPage: frozenset({"password"}),
}
# Written in words of their own, below.
APART: frozenset[type[Model]] = frozenset({RequestLog, LogPayload})

encode = msgspec.json.Encoder(enc_hook=str).encode


def files_of(organization_id: UUID, *, now: datetime) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file's name with its lines. A noun without rows has an empty file: it was looked at."""
    yield "people.ndjson", people_of(organization_id)
    for noun in sorted(nouns(), key=lambda noun: noun.name):
        if noun.model not in APART:
            yield f"{noun.name}.ndjson", lines_of(noun, organization_id)
    yield "request_log.ndjson", logs_of(organization_id, now=now)


def lines_of(noun: Noun, organization_id: UUID) -> Iterator[bytes]:
    """Pages by key: bounded statements, and no snapshot that holds vacuum back while somebody downloads."""
    left_out = KEYS.get(noun.model, frozenset())
    fields = [
        field.attname
        for field in noun.model._meta.concrete_fields
        if not isinstance(field, BinaryField) and field.name not in left_out
    ]
    rows, place = noun.rows(organization_id).order_by("pk"), None
    while True:
        page = list((rows if place is None else rows.filter(pk__gt=place))[:PAGE])
        for row in page:
            yield encode({name: getattr(row, name) for name in fields} | opened(row)) + b"\n"
        if len(page) < PAGE:
            return
        place = page[-1].pk


def opened(row: Model) -> dict[str, str]:
    """What is sealed and all the same the organization's to take along: the mail addresses that subscribed.
    Of a URL the host alone, as it may be its own secret."""
    return {"target": shown_target(row, whole=True)} if isinstance(row, StatusSubscriber) else {}


def people_of(organization_id: UUID) -> Iterator[bytes]:
    """The members, as this organization knows them."""
    members = User.objects.filter(memberships__organization_id=organization_id).order_by("id")
    fields = ("id", "username", "email", "first_name", "last_name", "is_active", "date_joined", "last_login")
    for person in members.values(*fields).iterator(chunk_size=PAGE):
        yield encode(person) + b"\n"


def logs_of(organization_id: UUID, *, now: datetime) -> Iterator[bytes]:
    """Every log with its bodies as it was kept, secrets masked: what POST /v1/logs/batch takes back."""
    logs = RequestLog.objects.filter(service__organization_id=organization_id).with_names()
    search = Search(logs=logs, window=Window.of(None, None, now=now))
    for page in walk_pages(search, with_payloads=True):
        for exported in page:
            item = item_of(exported, bodies=True)
            yield encode({"service_id": exported.log.service_id, "mode": exported.log.mode, **item}) + b"\n"
