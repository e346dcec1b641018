"""GET /metrics, for Prometheus."""

from ipaddress import ip_address
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from monitor.access.requests import client_address
from monitor.api.permissions import ActorMayPass
from monitor.health.exposition import CONTENT_TYPE, exposition
from monitor.health.flushing import flush
from monitor.health.report import counters, look

# A proxy on this machine stands for the whole world behind it.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")


def is_this_machine(request: Request) -> bool:
    """Whether the caller is a program here, and not a proxy here that passes somebody else on."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(client_address(request._request) or "").is_loopback
    except ValueError:
        return False


class LoopbackOrReader(BasePermission):
    """Programs on this machine, and whoever may read. The numbers are sums over all organizations and name
    nothing of anybody's."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_this_machine(request) or ActorMayPass().has_permission(request, view)


class PrometheusView(APIView):
    permission_classes = (LoopbackOrReader,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        now = timezone.now()
        flush(now=now)
        return HttpResponse(exposition(look(now=now), counters()), content_type=CONTENT_TYPE)
