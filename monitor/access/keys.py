"""Issue, check, rotate and revoke API keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from monitor.audit import record_shown
from monitor.events import record_event
from monitor.events.body import rfc3339
from monitor.lib import apikeys
from monitor.lib.actors import Scope
from monitor.models import ApiKey, Organization, Service
from monitor.models.keys import KeyKind, Mode, default_scopes


class KeyRejected(Exception):
    """The key opens nothing. `code` is one of key_invalid, key_expired, key_revoked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyNeedsService(Exception):
    """Clients report for a service."""


class KeyNotUsable(Exception):
    """A key that is revoked or expired cannot be rotated."""


@transaction.atomic
def issue_key(
    *,
    organization: Organization,
    name: str,
    service: Service | None = None,
    scopes: Sequence[str] | None = None,
    mode: str = Mode.LIVE,
    kind: str = KeyKind.OWN,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    logs_per_minute: int | None = None,
    created_by_id: int | None = None,
    api_version: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its text. The text exists here and in the caller's answer only.

    Keys for clients of others report, and do nothing else: such programs pass them around more freely.
    Raises KeyNeedsService for one of those without a service.
    """
    if kind != KeyKind.OWN:
        scopes = [Scope.INGEST]
        if service is None:
            raise KeyNeedsService("A key for a client library belongs to a service.")
    raw = make_text(kind, mode)
    key = ApiKey.objects.create(
        organization=organization,
        service=service,
        name=name,
        prefix=apikeys.prefix_of(raw),
        digest=apikeys.digest(apikeys.credential_of_client_id(raw) if kind == KeyKind.CLIENT_ID else raw),
        kind=kind,
        scopes=list(scopes) if scopes is not None else default_scopes(),
        mode=mode,
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
        logs_per_minute=logs_per_minute,
        created_by_id=created_by_id,
        api_version=api_version,
    )
    record_shown("api_key", key.id, label=key.prefix, organization_id=key.organization_id)
    tell(key, "key.created", now=timezone.now())
    return key, raw


def make_text(kind: str, mode: str) -> str:
    """The text of a new key."""
    if kind == KeyKind.CLIENT_ID:
        return apikeys.make_client_id()
    if kind == KeyKind.WRITE_TOKEN:
        return apikeys.make_token()
    return apikeys.make_key("test" if mode == Mode.TEST else "live")


def authenticate_key(raw: str, *, now: datetime) -> ApiKey:
    """The key behind this text, with its service and organization loaded. Raises KeyRejected.

    A mistyped key fails its checksum and costs no query.
    """
    if not apikeys.looks_valid(raw):
        raise KeyRejected("key_invalid", "This is not an API key. Keys begin with mkey_ and are shown once.")
    known = ApiKey.objects.select_related("service", "organization__plan")
    key = known.filter(digest=apikeys.digest(raw)).first()
    if key is None or (key.service is not None and key.service.deleted_at is not None):
        raise KeyRejected("key_invalid", "No such API key.")
    if key.service is not None:
        # Loaded above; the service asks it how long logs are kept.
        key.service.organization = key.organization
    if key.revoked_at is not None:
        raise KeyRejected("key_revoked", "This API key was revoked.")
    if not key.is_active(now):
        raise KeyRejected("key_expired", "This API key has expired.")
    key.touch(now)
    return key


@transaction.atomic
def revoke_key(key: ApiKey, *, now: datetime) -> None:
    """From the next request on the key opens nothing. Revoking twice keeps the first moment."""
    is_news = ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=now)
    key.refresh_from_db(fields=["revoked_at"])
    if is_news:
        tell(key, "key.revoked", now=now)


def tell(key: ApiKey, type: str, *, now: datetime) -> None:
    """Those who listen for keys; the key itself is in nothing they hear."""
    data = {
        "key_id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "revoked_at": key.revoked_at and rfc3339(key.revoked_at),
    }
    record_event(
        organization_id=key.organization_id,
        service_id=key.service_id,
        type=type,
        data=data,
        mode=key.mode,
        now=now,
    )


@transaction.atomic
def rotate_key(
    key: ApiKey, *, now: datetime, overlap: timedelta, created_by_id: int | None = None
) -> tuple[ApiKey, str]:
    """A successor with the same name, scopes, mode and limits; the old key works until the overlap ends."""
    current = (
        ApiKey.objects.select_for_update(of=("self",))
        .select_related("organization", "service")
        .get(id=key.id)
    )
    if not current.is_active(now):
        raise KeyNotUsable("A revoked or expired key cannot be rotated; make a new one.")
    successor = issue_key(
        organization=current.organization,
        name=current.name,
        service=current.service,
        scopes=current.scopes,
        mode=current.mode,
        kind=current.kind,
        requests_per_minute=current.requests_per_minute,
        logs_per_minute=current.logs_per_minute,
        created_by_id=created_by_id,
        api_version=current.api_version,
    )
    end = now + overlap
    current.expires_at = end if current.expires_at is None else min(current.expires_at, end)
    current.save(update_fields=["expires_at"])
    return successor
