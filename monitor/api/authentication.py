"""Turns a request into an Actor: by key, by session, or as an anonymous visitor."""

from collections.abc import Mapping
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from monitor.access import KeyRejected, actor_of_key, actor_of_user, anonymous_actor, authenticate_key
from monitor.access.second_factor import has_second_factor, is_required_of, used_second_factor
from monitor.access.tokens import actor_of_token, authenticate_token, is_personal
from monitor.audit import remember_actor
from monitor.lib.actors import Actor, Scope
from monitor.models import ApiKey, PersonalToken

BEARER = 'Bearer realm="api"'
# Where a request keeps who calls, once somebody has asked.
KNOWN_CALLER = "known_caller"


def key_from(headers: Mapping[str, str]) -> str | None:
    """The key's text out of `Authorization: Bearer` or `X-API-Key`; never out of the query string.

    Takes headers by lower-case name, or any mapping that does not mind the case.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return headers.get("x-api-key") or None


class _Session(SessionAuthentication):
    """Django's session with its CSRF check, for calls that our own pages make."""


def takes_logs(request: Request) -> bool:
    """Whether this is an ingestion door: what a service reports is not its doing, and pays no statement."""
    view = (request.parser_context or {}).get("view")
    return getattr(view, "scopes", {}).get(request.method) == Scope.INGEST


def token_from(raw: str) -> PersonalToken:
    """Raises KeyRejected, and PermissionDenied for a token that would do more than its person.

    A program has no second factor to show; that its person has one is as near as it comes.
    """
    token = authenticate_token(raw, now=timezone.now())
    if is_required_of(token.user) and not has_second_factor(token.user):
        raise PermissionDenied("Whose token this is must add a second factor.", code="second_factor_missing")
    return token


class ActorAuthentication(BaseAuthentication):
    """Gives `request.user` as an Actor and `request.auth` as the ApiKey, when there is one."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiKey | None]:
        known = getattr(request._request, KNOWN_CALLER, None)
        if known is None:
            known = self.look_up(request)
            setattr(request._request, KNOWN_CALLER, known)
        actor, key = cast(tuple[Actor, ApiKey | None], known)
        if not takes_logs(request):
            remember_actor(actor)
        return actor, key

    def look_up(self, request: Request) -> tuple[Actor, ApiKey | None]:
        raw = key_from(request.headers)
        if raw is not None:
            try:
                if is_personal(raw):
                    return actor_of_token(token_from(raw)), None
                key = authenticate_key(raw, now=timezone.now())
            except KeyRejected as rejected:
                raise AuthenticationFailed(str(rejected), code=rejected.code) from None
            return actor_of_key(key), key
        signed_in = _Session().authenticate(request)
        if signed_in and is_required_of(signed_in[0]) and not used_second_factor(request._request):
            raise PermissionDenied("Sign in with a second factor first.", code="second_factor_missing")
        if signed_in:
            # The framework puts the Actor in the place of Django's user.
            request._request.person = signed_in[0]  # type: ignore[attr-defined]
        return (actor_of_user(signed_in[0]) if signed_in else anonymous_actor()), None

    def authenticate_header(self, request: Request) -> str:
        return BEARER


class ActorAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    target_class = "monitor.api.authentication.ActorAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "mkey_…",
            "description": "An API key, or a personal token (mpat_…), which acts as its person. "
            "`X-API-Key` is read too.",
        }


def key_mode_of(request: Request) -> str | None:
    """The mode of the key that calls; None for a person, who may act in both."""
    key = cast(ApiKey | None, request.auth)
    return key.mode if key is not None else None


def person_of_session(request: Request) -> object:
    """Whose session calls; None for keys, tokens and visitors."""
    return getattr(request._request, "person", None)


def actor_of(request: Request) -> Actor:
    """Who calls this API route."""
    return cast(Actor, request.user)
