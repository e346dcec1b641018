"""The addresses that programs ping, as views: what the lane does not take, and all of it under plain WSGI."""

from dataclasses import replace
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from monitor.access.requests import client_address
from monitor.api.paths import uuid_or_none
from monitor.models import Monitor, PingKey, PushTarget
from monitor.monitors.register import make_monitor
from monitor.probing import BadConfig
from monitor.push.dialects import (
    HEALTHCHECKS,
    KUMA,
    OURS,
    PEEKAPING,
    Asked,
    Dialect,
    Reply,
    plain,
)
from monitor.push.keys import token_from
from monitor.push.pings import BODY_LIMIT, Arrived, take_ping

SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
MOST_AUTOMATIC = 1000


def answered(reply: Reply) -> HttpResponse:
    answer = HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)
    for name, value in reply.headers.items():
        answer[name] = value
    return answer


def body_of(request: HttpRequest) -> str:
    """As much of the body as is kept; the rest is never read."""
    if request.method in ("GET", "HEAD"):
        return ""
    return request.read(BODY_LIMIT).decode(errors="replace")


def asked_of(request: HttpRequest) -> Asked:
    return Asked(
        method=request.method or "GET",
        query={name: request.GET[name] for name in request.GET},
        source_ip=client_address(request),
    )


def take(request: HttpRequest, dialect: Dialect, token: UUID, action: str = "") -> Reply:
    """The ping is kept, and answered as its dialect does."""
    incoming = dialect.read(asked_of(request), action)
    if isinstance(incoming, Reply):
        # What is wrong with it is told to those who know the token.
        return incoming if PushTarget.objects.filter(token=token).exists() else dialect.unknown
    arrived = Arrived(
        token=token,
        incoming=replace(incoming, body=body_of(request)),
        at=timezone.now(),
        refuses_paused=dialect.paused is not None,
    )
    return dialect.reply_to(take_ping(arrived))


# --- Healthchecks ------------------------------------------------------------------------------------------


@csrf_exempt
def healthchecks(request: HttpRequest, rest: str) -> HttpResponse:
    """/ping/<uuid> or /ping/<key>/<slug>, then nothing, start, fail, log or an exit status."""
    if request.method not in ("GET", "HEAD", "POST"):
        return answered(plain("method not allowed", 405))
    if "\0" in rest:
        # PostgreSQL can compare no text with one.
        return answered(HEALTHCHECKS.unknown)
    first, *others = rest.split("/")
    created = False
    if uuid_or_none(first) is not None:
        token = token_from(first)
    else:
        if not others:
            return answered(HEALTHCHECKS.unknown)
        slug, *others = others
        found = targets_of(first, slug)
        if found is None or len(found) > 1:
            return answered(HEALTHCHECKS.unknown if found is None else plain("ambiguous slug", 409))
        target = found[0] if found else None
        if target is None and request.GET.get("create") == "1":
            target, created = create_for(first, slug), True
        if target is None:
            return answered(HEALTHCHECKS.unknown)
        token = target.token
    if len(others) > 1:
        return answered(HEALTHCHECKS.unknown)
    reply = take(request, HEALTHCHECKS, token, others[0] if others else "")
    return answered(plain("Created", 201) if created and reply is HEALTHCHECKS.done else reply)


def targets_of(key: str, slug: str) -> list[PushTarget] | None:
    """The monitors of the slug, at most two; None for a key that nobody has."""
    organization_id = PingKey.objects.filter(key=key).values_list("organization_id", flat=True).first()
    if organization_id is None:
        return None
    return list(PushTarget.objects.filter(slug=slug, monitor__organization=organization_id)[:2])


def create_for(key: str, slug: str) -> PushTarget | None:
    """A monitor for a slug that nobody has yet; None for a slug that cannot be one."""
    if not slug or len(slug) > 64 or set(slug) - SLUG_CHARACTERS:
        return None
    try:
        with transaction.atomic():
            # Two first pings at once: the second waits here and finds the monitor of the first.
            owner = PingKey.objects.select_for_update().get(key=key)
            there = PushTarget.objects.filter(slug=slug, monitor__organization=owner.organization_id).first()
            if there is not None:
                return there
            if Monitor.objects.filter(organization=owner.organization_id).count() >= MOST_AUTOMATIC:
                return None
            monitor = Monitor(organization_id=owner.organization_id, name=slug, kind="push")
            make_monitor(monitor, {"slug": slug}, now=timezone.now())
    except (PingKey.DoesNotExist, IntegrityError, BadConfig):
        return None
    return PushTarget.objects.get(monitor=monitor)


# --- Tokens: ours, Uptime Kuma's, Peekaping's --------------------------------------------------------------


@csrf_exempt
def kuma(request: HttpRequest, token: str) -> HttpResponse:
    """/api/push/<token>?status=up&msg=OK&ping=12."""
    return answered(take(request, KUMA, token_from(token)))


@csrf_exempt
def peekaping(request: HttpRequest, token: str) -> HttpResponse:
    """/api/v1/push/<token>?status=1&msg=OK."""
    return answered(take(request, PEEKAPING, token_from(token)))


@csrf_exempt
def ours(request: HttpRequest, token: str, action: str = "") -> HttpResponse:
    """/v1/push/<token>, then nothing, start, fail, log or an exit status, as at /ping; `status=down` too."""
    return answered(take(request, OURS, token_from(token), action))
