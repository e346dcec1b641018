"""Make and change status pages, and say things on them."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.http import Http404
from django.http.request import validate_host
from rest_framework.exceptions import PermissionDenied

from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, StatusEntry, StatusIncident, StatusPage, StatusUpdate
from monitor.models.status_pages import MAX_ENTRIES
from monitor.status.cache import CACHE
from monitor.status.copies import remove_copies
from monitor.status.telling import tell_update

MAX_LOGO_BYTES = 200 * 1024
# Pictures by their first bytes. No SVG: it can hold scripts, and opens as a document of our origin.
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class BadPage(ValueError):
    """What a page cannot be, with the field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A monitor on a page; an empty name is the monitor's own."""

    monitor_id: UUID
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownGroup:
    name: str
    monitors: Sequence[Shown]


def reach_page(actor: Actor, page_id: UUID, scope: Scope) -> StatusPage:
    """The page, when the actor may do this to it: 404 beyond its organizations, else 403."""
    page = StatusPage.objects.filter(id=page_id, organization__in=list(actor.grants)).first()
    if page is None:
        raise Http404("No such status page.")
    require(actor, scope, page.organization_id)
    if scope != Scope.READ and actor.service_id is not None:
        raise PermissionDenied("This API key belongs to one service.", code="other_service")
    return page


@transaction.atomic
def save_page(page: StatusPage, fields: Mapping[str, Any], groups: Sequence[ShownGroup] | None) -> StatusPage:
    """Make it, or change what is named. Raises BadPage."""
    for name, value in fields.items():
        setattr(page, name, value)
    if not page._state.adding:
        page.version = page.version + 1
    page.save()
    if groups is not None:
        put_groups(page, groups)
    changed(page)
    return page


def put_groups(page: StatusPage, groups: Sequence[ShownGroup]) -> None:
    """What the page shows, in this order. A monitor that stays keeps its id, which readers may know."""
    wanted = [(group.name, shown) for group in groups for shown in group.monitors]
    asked = {shown.monitor_id for _, shown in wanted}
    if len(wanted) > MAX_ENTRIES:
        raise BadPage("groups", f"At most {MAX_ENTRIES} monitors.")
    if len(asked) != len(wanted):
        raise BadPage("groups", "A monitor stands on a page once.")
    if Monitor.objects.filter(organization=page.organization_id, id__in=asked).count() != len(asked):
        raise BadPage("groups", "No such monitor in the organization.")
    page.entries.exclude(monitor__in=asked).delete()
    known = {entry.monitor_id: entry for entry in page.entries.all()}
    fresh = []
    for position, (group, shown) in enumerate(wanted):
        entry = known.get(shown.monitor_id) or StatusEntry(page=page, monitor_id=shown.monitor_id)
        entry.group, entry.name, entry.position = group, shown.name, position
        fresh.append(entry)
    StatusEntry.objects.bulk_create([each for each in fresh if each._state.adding])
    StatusEntry.objects.bulk_update(
        [each for each in fresh if each.monitor_id in known], ["group", "name", "position"]
    )


def groups_of(page: StatusPage) -> list[ShownGroup]:
    groups: dict[str, list[Shown]] = {}
    for entry in sorted(page.entries.all(), key=lambda each: (each.position, each.id)):
        groups.setdefault(entry.group, []).append(Shown(monitor_id=entry.monitor_id, name=entry.name))
    return [ShownGroup(name=name, monitors=monitors) for name, monitors in groups.items()]


def remove_page(page: StatusPage) -> None:
    id_ = page.id
    page.delete()
    transaction.on_commit(lambda: _forget(id_, removing=True))


def changed(page: StatusPage) -> None:
    """Readers of this process see it once it is committed; what is closed or hidden loses its copies."""
    id_, is_closed = page.id, bool(page.password) or not page.is_published
    transaction.on_commit(lambda: _forget(id_, removing=is_closed))


def _forget(page_id: UUID, *, removing: bool) -> None:
    CACHE.forget(page_id)
    if removing:
        remove_copies(page_id)


# --- Single fields -----------------------------------------------------------------------------------------


def hashed(password: str) -> str:
    """What is kept of a password; of an empty one nothing, and anybody may read."""
    return make_password(password) if password else ""


def checked_domain(text: str) -> str | None:
    """A domain in small letters, None for none. Raises BadPage."""
    domain = text.strip().lower().rstrip(".")
    if not domain:
        return None
    if not _DOMAIN.fullmatch(domain):
        raise BadPage("domain", "A name alone, as status.example.com.")
    if "*" not in settings.ALLOWED_HOSTS and validate_host(domain, settings.ALLOWED_HOSTS):
        raise BadPage("domain", "API Monitor itself answers there.")
    return domain


def picture_of(content: bytes) -> str:
    """The type of a picture, by what it holds. Raises BadPage."""
    if len(content) > MAX_LOGO_BYTES:
        raise BadPage("logo", f"At most {MAX_LOGO_BYTES // 1024} KiB.")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for start, kind in _PICTURES:
        if content.startswith(start):
            return kind
    raise BadPage("logo", "A picture as PNG, JPEG, GIF or WebP.")


def picture_from(address: str) -> bytes:
    """The bytes of a data: address. Raises BadPage."""
    head, _, coded = address.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise BadPage("logo", "Must be data:image/png;base64,… or another picture.")
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise BadPage("logo", "The base64 is damaged.") from None


# --- Incidents ---------------------------------------------------------------------------------------------


@transaction.atomic
def open_incident(
    page: StatusPage,
    *,
    title: str,
    impact: str,
    status: str,
    body: str,
    now: datetime,
    notify: bool = True,
) -> StatusIncident:
    """Tell readers of an outage, and subscribers unless `notify` says no."""
    incident = StatusIncident.objects.create(
        page=page, title=title, impact=impact, status=status, started_at=now, updated_at=now
    )
    say(incident, status=status, body=body, now=now, notify=notify, is_first=True)
    return incident


@transaction.atomic
def say(
    incident: StatusIncident,
    *,
    status: str,
    body: str,
    now: datetime,
    notify: bool = True,
    is_first: bool = False,
) -> StatusUpdate:
    """Add an update. One that says resolved ends the incident, one that says anything else opens it again.
    Subscribers are told in the same transaction, unless `notify` says no."""
    update = StatusUpdate.objects.create(incident=incident, status=status, body=body, created_at=now)
    incident.status, incident.updated_at = status, now
    incident.resolved_at = (incident.resolved_at or now) if status == "resolved" else None
    incident.save(update_fields=["status", "updated_at", "resolved_at"])
    if notify:
        tell_update(update, is_first=is_first, now=now)
    touch(incident.page_id)
    return update


@transaction.atomic
def take_back(incident: StatusIncident) -> None:
    """Remove an incident as if it had never been told."""
    page_id = incident.page_id
    incident.delete()
    touch(page_id)


def touch(page_id: UUID) -> None:
    """What is said on a page changes it."""
    StatusPage.objects.filter(id=page_id).update(version=F("version") + 1)
    transaction.on_commit(lambda: _forget(page_id, removing=False))
