"""Personal tokens: issue, check and revoke. They act as their person, and never do more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor.access.actors import actor_of_user
from monitor.access.keys import KeyRejected
from monitor.lib import apikeys
from monitor.lib.actors import Actor, Scope
from monitor.models import PersonalToken

# What people hold through their roles; logs are sent with keys of services.
TOKEN_SCOPES = (Scope.READ, Scope.REPLAY, Scope.MANAGE)


def is_personal(raw: str) -> bool:
    """Whether this text is a personal token, as opposed to an API key."""
    return raw.startswith(apikeys.PERSONAL_PREFIX)


def issue_token(
    *, user_id: int, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[PersonalToken, str]:
    """A new token and its text. The text exists here and in the caller's answer only."""
    raw = apikeys.make_personal()
    token = PersonalToken.objects.create(
        user_id=user_id,
        name=name,
        prefix=apikeys.prefix_of(raw),
        digest=apikeys.digest(raw),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    return token, raw


def authenticate_token(raw: str, *, now: datetime) -> PersonalToken:
    """The token behind this text, with its person loaded. Raises KeyRejected, in the words of keys."""
    if not apikeys.looks_valid(raw):
        raise KeyRejected("key_invalid", "This is not a personal token; those begin with mpat_.")
    token = PersonalToken.objects.select_related("user").filter(digest=apikeys.digest(raw)).first()
    if token is None or not token.user.is_active:
        raise KeyRejected("key_invalid", "No such personal token.")
    if token.revoked_at is not None:
        raise KeyRejected("key_revoked", "This personal token was revoked.")
    if not token.is_active(now):
        raise KeyRejected("key_expired", "This personal token has expired.")
    token.touch(now)
    return token


def actor_of_token(token: PersonalToken) -> Actor:
    """The person, as their roles are now, with no more than the token's scopes."""
    person = actor_of_user(token.user)
    held = {Scope(scope) for scope in token.scopes}
    grants = {organization: scopes & held for organization, scopes in person.grants.items()}
    return replace(person, grants=grants, token_id=token.id)


def revoke_token(token: PersonalToken, *, now: datetime) -> None:
    """From the next request on it opens nothing. Revoking twice keeps the first moment."""
    PersonalToken.objects.filter(id=token.id, revoked_at=None).update(revoked_at=now)
