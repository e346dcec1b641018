"""Badges for anybody who has the key, and the API that hands keys out."""

import json
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.errors import problem_response
from monitor.api.paths import IdsInPath
from monitor.lib.actors import Scope
from monitor.models import Monitor, MonitorBadge
from monitor.monitors.reach import reach_monitor
from monitor.status.answers import Answer
from monitor.status.badge_pictures import as_svg
from monitor.status.badges import FORMS, WHATS, Badge, as_json, as_shields, badge_of, unknown_badge

# Image proxies ask each page view anew; a minute is as fresh as a check.
FRESH_S = 60
POLICY = "default-src 'none'; frame-ancestors 'none'"
TYPES = {"svg": "image/svg+xml; charset=utf-8", "json": "application/json", "shields": "application/json"}


def badge(request: HttpRequest, key: str, what: str) -> HttpResponse:
    """`what` is status.svg, uptime-24h.json and the like. A key that opens nothing is grey, and 404."""
    name, _, form = what.rpartition(".")
    if request.method not in ("GET", "HEAD"):
        return problem_response(405, f"{request.method} is not possible here.")
    if name not in WHATS or form not in FORMS:
        return problem_response(404, f"Must be one of {', '.join(WHATS)} with .svg, .json or .shields.")
    monitor = Monitor.objects.select_related("standing").filter(badge__key=key).first()
    asked = request.GET.dict()
    made = unknown_badge() if monitor is None else badge_of(monitor, name, now=timezone.now(), asked=asked)
    answer = Answer.of(drawn(made, form, asked), TYPES[form])
    headers = {
        "Content-Type": answer.content_type,
        "Cache-Control": f"public, max-age={FRESH_S}",
        "ETag": answer.etag,
        "Content-Security-Policy": POLICY,
        "Access-Control-Allow-Origin": "*",
    }
    if monitor is not None and answer.is_known_to(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(answer.body, status=200 if monitor is not None else 404, headers=headers)


def drawn(made: Badge, form: str, asked: dict[str, str]) -> bytes:
    if form == "svg":
        style, label_color = asked.get("style", "flat"), asked.get("labelColor")
        return as_svg(
            made.label, made.message, color=made.color, style=style, label_color=label_color
        ).encode()
    return json.dumps(as_json(made) if form == "json" else as_shields(made)).encode()


# --- Keys --------------------------------------------------------------------------------------------------


def new_badge(monitor: Monitor) -> MonitorBadge:
    """A key, and a new one where there was one: the old one opens nothing from then on."""
    key = secrets.token_urlsafe(16)
    made, _ = MonitorBadge.objects.update_or_create(monitor=monitor, defaults={"key": key})
    return made


def addresses_of(badge: MonitorBadge) -> dict[str, str]:
    return {what: f"{settings.PUBLIC_URL}/badge/{badge.key}/{what}.svg" for what in WHATS}


class BadgeSerializer(serializers.Serializer[Any]):
    """`key` is null while the monitor has no badges. Each address also ends in .json and .shields."""

    key = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    addresses = serializers.DictField(child=serializers.CharField())


def shown(found: MonitorBadge | None) -> dict[str, Any]:
    moment: datetime | None = None if found is None else found.created_at
    return BadgeSerializer(
        {
            "key": None if found is None else found.key,
            "created_at": moment,
            "addresses": {} if found is None else addresses_of(found),
        }
    ).data


class BadgeView(IdsInPath):
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="Get the addresses of a monitor's badges",
        responses=BadgeSerializer,
        operation_id="monitors_badge",
    )
    def get(self, request: Request, monitor_id: UUID) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.READ)
        return Response(shown(MonitorBadge.objects.filter(monitor=monitor).first()))

    @extend_schema(
        summary="Open a monitor's badges to anybody who has the new key",
        request=None,
        responses={201: BadgeSerializer},
        operation_id="monitors_badge_create",
    )
    def post(self, request: Request, monitor_id: UUID) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.MANAGE)
        return Response(shown(new_badge(monitor)), status=201)

    @extend_schema(
        summary="Close a monitor's badges", responses={204: None}, operation_id="monitors_badge_remove"
    )
    def delete(self, request: Request, monitor_id: UUID) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.MANAGE)
        MonitorBadge.objects.filter(monitor=monitor).delete()
        return Response(status=204)
