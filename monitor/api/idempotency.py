"""One effect for one Idempotency-Key: who has begun, what was answered, and who takes over after a crash.

draft-ietf-httpapi-idempotency-key-header-07. A request first puts its row there, in a commit of its own,
with a lease. Then effect and answer share one transaction that holds the row's lock: a runner that is
merely slow is waited for, and one that died has left no effect behind.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse

from monitor.api.callers import Caller
from monitor.api.versioning import asked_of
from monitor.api.versions import CURRENT
from monitor.lib.apikeys import KEY_PATTERN
from monitor.lib.ids import new_uuid7
from monitor.lib.secrets import seal, unseal
from monitor.models import IdempotentRequest
from monitor.models.idempotency import IdempotentState

# Longer than any answer takes; a replay ends after REPLAY_TIMEOUT_S, 30 unless set otherwise.
LEASE = timedelta(seconds=60)
KEPT_FOR = timedelta(hours=24)
MAX_KEY_CHARS = 255
MAX_BODY_BYTES = 1024 * 1024
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Link", "API-Version", "Deprecation", "Sunset")
# Answers that say nothing of the operation itself: it may be tried again under the same key.
NOT_KEPT = frozenset({401, 403, 408, 409, 429})
# Members of answers that are shown once.
SHOWN_ONCE = frozenset({"raw_key", "raw_token", "secret"})
SECRET_TEXT = re.compile(
    rf"{KEY_PATTERN.pattern}|whsec_[0-9A-Za-z+/=]{{12,}}|/invitation/[0-9A-Za-z_-]{{12,}}"
)
BARE = re.compile(r"[!-~]+")
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
# The database's clock, as several machines may share it. An insert that meets a row does not wait for whoever
# has it locked, and neither does a take-over: who waited would hold a thread for as long as the first takes.
BEGIN = """
INSERT INTO idempotent_request (id, organization_id, user_id, mode, key_digest, fingerprint, state,
    locked_until, created_at, expires_at)
VALUES (%(id)s, %(organization)s, %(user)s, %(mode)s, %(key)s, %(fingerprint)s, 'running',
    clock_timestamp() + %(lease)s, clock_timestamp(), clock_timestamp() + %(kept_for)s)
ON CONFLICT ON CONSTRAINT idempotent_request_once DO NOTHING RETURNING id
"""
TAKE_OVER = """
UPDATE idempotent_request SET state = 'running', fingerprint = %(fingerprint)s,
    locked_until = clock_timestamp() + %(lease)s, created_at = clock_timestamp(),
    expires_at = clock_timestamp() + %(kept_for)s,
    status = NULL, headers = '{}', sealed_body = NULL, omitted = '[]'
WHERE id = (SELECT id FROM idempotent_request WHERE id = %(id)s AND (expires_at <= clock_timestamp()
    OR (state = 'running' AND locked_until <= clock_timestamp())) FOR UPDATE SKIP LOCKED)
RETURNING id
"""


class BadKey(Exception):
    """The header holds no key."""


class KeyReused(Exception):
    """The key came with another request before."""


class InProgress(Exception):
    """The first request with this key is being answered."""


def key_of(header: str) -> str:
    """The key: a quoted string of structured fields (RFC 9651), or bare, which most clients send.

    Raises BadKey.
    """
    quoted = QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not 1 <= len(key) <= MAX_KEY_CHARS or not (quoted or BARE.fullmatch(key)):
        raise BadKey(f"Idempotency-Key must be 1 to {MAX_KEY_CHARS} visible ASCII characters.")
    return key


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Whose key it is, and which request it came with; digests alone."""

    organization_id: UUID | None
    user_id: int | None
    mode: str
    key_digest: bytes
    fingerprint: bytes


def claim_of(request: HttpRequest, caller: Caller, key: str) -> Claim:
    """The body is read here, whole."""
    actor = caller.actor
    is_person = actor.user_id is not None
    return Claim(
        organization_id=None if is_person else caller.organization_id,
        user_id=actor.user_id,
        mode=caller.mode,
        key_digest=hashlib.sha256(key.encode()).digest(),
        fingerprint=fingerprint_of(request, reach_of(caller), version=version_of(request, caller)),
    )


def reach_of(caller: Caller) -> str:
    """What the caller may do. An answer is for those alone who could have asked for it, so a key with other
    scopes, or of another service, meets no answer that is not its own; a rotated key meets its predecessor's.
    """
    actor = caller.actor
    scopes = sorted({scope for scopes in actor.grants.values() for scope in scopes})
    return f"{actor.service_id or ''} {' '.join(scopes)}"


def version_of(request: HttpRequest, caller: Caller) -> str:
    """Which older version the caller is answered in, as that answer is kept; empty for the newest, so that a
    repeat is still one when a newer comes out."""
    version = asked_of(request, caller.key.api_version if caller.key else "")
    return "" if version == CURRENT else version


def fingerprint_of(request: HttpRequest, reach: str, *, version: str = "") -> bytes:
    """Keyed, as a body may be a secret that few guesses find."""
    query = sorted((name, value) for name, values in request.GET.lists() for value in values)
    parts = [request.method, request.path, query, request.content_type, reach, *filter(None, [version])]
    mac = hmac.new(settings.SECRET_KEY.encode(), msgspec.json.encode(parts), hashlib.sha256)
    mac.update(request.body)
    return mac.digest()


def begin(claim: Claim, *, now: datetime) -> UUID | IdempotentRequest:
    """The row's id for who is to carry it out, or the row of who has. In a commit of its own.

    Raises KeyReused or InProgress.
    """
    while True:
        if (begun := returned_id(BEGIN, parameters(claim, new_uuid7()))) is not None:
            return begun
        row = IdempotentRequest.objects.filter(
            organization=claim.organization_id,
            user=claim.user_id,
            mode=claim.mode,
            key_digest=claim.key_digest,
        ).first()
        if row is not None:  # else it was let go meanwhile
            return row if row.is_answer_to(claim.fingerprint, now=now) else take_over(row, claim, now=now)


def take_over(row: IdempotentRequest, claim: Claim, *, now: datetime) -> UUID:
    """The row's id, when whoever had it has died or its time is over. Raises KeyReused or InProgress."""
    if row.expires_at > now and bytes(row.fingerprint) != claim.fingerprint:
        raise KeyReused
    taken = returned_id(TAKE_OVER, parameters(claim, row.id))
    if taken is None:
        raise InProgress
    return taken


def returned_id(statement: str, values: dict[str, Any]) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row and UUID(str(row[0]))


def parameters(claim: Claim, row_id: UUID) -> dict[str, Any]:
    return {
        "id": row_id,
        "organization": claim.organization_id,
        "user": claim.user_id,
        "mode": claim.mode,
        "key": claim.key_digest,
        "fingerprint": claim.fingerprint,
        "lease": LEASE,
        "kept_for": KEPT_FOR,
    }


def finish(row: IdempotentRequest, response: HttpResponse) -> None:
    """Keep the answer, in the transaction of the effect; nothing where it may be tried again."""
    if response.status_code in NOT_KEPT or response.streaming:
        row.delete()
        return
    body, omitted = without_secrets(response.content)
    row.state = IdempotentState.DONE
    row.status = response.status_code
    row.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    row.omitted = omitted
    row.sealed_body = seal(body.decode()) if len(body) <= MAX_BODY_BYTES else None
    row.save(update_fields=["state", "status", "headers", "omitted", "sealed_body"])


def let_go(row_id: UUID) -> None:
    """Whatever was begun left no effect: the same key may be tried at once."""
    IdempotentRequest.objects.filter(id=row_id, state=IdempotentState.RUNNING).delete()


def without_secrets(body: bytes) -> tuple[bytes, list[str]]:
    """A JSON body with null for what is shown once, and the names of that."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body, []
    omitted: list[str] = []
    kept = _without_secrets(content, "", omitted)
    return (msgspec.json.encode(kept), sorted(set(omitted))) if omitted else (body, [])


def _without_secrets(value: object, name: str, omitted: list[str]) -> object:
    if isinstance(value, Mapping):
        return {key: _without_secrets(item, key, omitted) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, name, omitted) for item in value]
    if isinstance(value, str) and (name in SHOWN_ONCE or SECRET_TEXT.search(value)):
        omitted.append(name[:64])
        return None
    return value


def body_of(row: IdempotentRequest) -> bytes | None:
    """What was answered, or None when it was too large to keep. Raises CannotOpen."""
    return unseal(row.sealed_body).encode() if row.sealed_body is not None else None
