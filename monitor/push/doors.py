"""The addresses that programs ping: ours, and those of Healthchecks, Uptime Kuma and Peekaping, so that what
pings them today pings us by another host name alone.

A token is the key; none of these addresses says more than whether it is known.
"""

import math
from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from monitor.access.requests import client_address
from monitor.api.paths import uuid_or_none
from monitor.models import Monitor, PingKey, PushTarget
from monitor.monitors.register import make_monitor
from monitor.probing import BadConfig
from monitor.push.keys import token_from
from monitor.push.pings import BODY_LIMIT, Incoming, take_ping

Answer = Callable[[HttpRequest, str], HttpResponse]
MAX_PING_MS = 1e11
SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
MOST_AUTOMATIC = 1000


def plain(text: str, status: int = 200) -> HttpResponse:
    answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    answer["Ping-Body-Limit"] = str(BODY_LIMIT)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def body_of(request: HttpRequest) -> str:
    """As much of the body as is kept; the rest is never read."""
    if request.method in ("GET", "HEAD"):
        return ""
    return request.read(BODY_LIMIT).decode(errors="replace")


# --- Healthchecks ------------------------------------------------------------------------------------------


@csrf_exempt
def healthchecks(request: HttpRequest, rest: str) -> HttpResponse:
    """/ping/<uuid> or /ping/<key>/<slug>, then nothing, start, fail, log or an exit status."""
    if request.method not in ("GET", "HEAD", "POST"):
        return plain("method not allowed", 405)
    if "\0" in rest:
        # PostgreSQL can compare no text with one.
        return plain("not found", 404)
    first, *others = rest.split("/")
    token = uuid_or_none(first)
    created = False
    if token is not None:
        target = PushTarget.objects.filter(token=token).first()
    else:
        if not others:
            return plain("not found", 404)
        slug, *others = others
        found = targets_of(first, slug)
        if found is None or len(found) > 1:
            return plain("not found", 404) if found is None else plain("ambiguous slug", 409)
        target = found[0] if found else None
        if target is None and request.GET.get("create") == "1":
            target, created = create_for(first, slug), True
    if target is None or len(others) > 1:
        return plain("not found", 404)
    incoming = read_healthchecks(request, others[0] if others else "")
    if isinstance(incoming, str):
        return plain(incoming, 404 if incoming == "not found" else 400)
    take_ping(target.pk, incoming, now=timezone.now())
    return plain("Created" if created else "OK", 201 if created else 200)


def read_healthchecks(request: HttpRequest, action: str) -> Incoming | str:
    """The ping, or what is wrong with it."""
    run_id = None
    if (given := request.GET.get("rid")) is not None and (run_id := uuid_or_none(given)) is None:
        return "invalid uuid format"
    exit_status = None
    kinds = {"": "success", "start": "start", "fail": "failure", "log": "log"}
    if action.isascii() and action.isdigit():
        exit_status = int(action[:9])
        if exit_status > 255:
            return "invalid url format"
        kind = "failure" if exit_status else "success"
    elif action in kinds:
        kind = kinds[action]
    else:
        return "not found"
    return Incoming(
        kind=kind,
        method=request.method or "GET",
        body=body_of(request),
        exit_status=exit_status,
        run_id=run_id,
        source_ip=client_address(request),
    )


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


def target_of(token: str) -> PushTarget | None:
    return PushTarget.objects.select_related("monitor").filter(token=token_from(token)).first()


def by_token(request: HttpRequest, target: PushTarget, *, is_up: bool, body: str | None = None) -> None:
    """`body` is given where it was read before, since it can be read only once."""
    take_ping(
        target.pk,
        Incoming(
            kind="success" if is_up else "failure",
            method=request.method or "GET",
            body=body_of(request) if body is None else body,
            message=request.GET.get("msg", "")[:300],
            response_ms=milliseconds(request.GET.get("ping") or request.GET.get("duration_ms")),
            run_id=run_id_of(request),
            source_ip=client_address(request),
        ),
        now=timezone.now(),
    )


def run_id_of(request: HttpRequest) -> UUID | None:
    return uuid_or_none(request.GET.get("rid"))


def milliseconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_PING_MS else None


@csrf_exempt
def kuma(request: HttpRequest, token: str) -> HttpResponse:
    """/api/push/<token>?status=up&msg=OK&ping=12: any status but `up` is down."""
    target = target_of(token)
    if target is None or not target.monitor.is_active:
        return JsonResponse({"ok": False, "msg": "Monitor not found or not active."}, status=404)
    by_token(request, target, is_up=request.GET.get("status", "up") == "up")
    return JsonResponse({"ok": True})


@csrf_exempt
def peekaping(request: HttpRequest, token: str) -> HttpResponse:
    """/api/v1/push/<token>?status=1&msg=OK: 1 is up."""
    target = target_of(token)
    if target is None:
        return JsonResponse({"message": "Monitor not found"}, status=404)
    if not target.monitor.is_active:
        return JsonResponse({"message": "Monitor is not active"}, status=400)
    by_token(request, target, is_up=request.GET.get("status", "1") == "1")
    return JsonResponse({"ok": "true"})


@csrf_exempt
def ours(request: HttpRequest, token: str, action: str = "") -> HttpResponse:
    """/v1/push/<token>, then nothing, start, fail, log or an exit status, as at /ping; `status=down` too."""
    target = target_of(token)
    incoming = read_healthchecks(request, action)
    if target is None or incoming == "not found":
        return JsonResponse({"ok": False, "detail": "No such address."}, status=404)
    if isinstance(incoming, str):
        return JsonResponse({"ok": False, "detail": incoming}, status=400)
    if action == "" and "status" in request.GET:
        is_up = request.GET["status"].lower() in ("up", "1", "ok")
        by_token(request, target, is_up=is_up, body=incoming.body)
    else:
        take_ping(target.pk, incoming, now=timezone.now())
    return JsonResponse({"ok": True})
