"""Who reads a stream: no middleware of Django's stands before it."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.handlers.asgi import ASGIRequest
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from monitor.api.authentication import ActorAuthentication
from monitor.api.permissions import require
from monitor.audit.refusals import keep_denied
from monitor.front.requests import visit_in_front
from monitor.lib.actors import Actor, Scope
from monitor.lib.asgi import headers_of


def reader_of(scope: Any) -> Actor:
    """Raises what the API answers to those who may not."""
    return reader_and_request(scope)[0]


def reader_and_request(scope: Any) -> tuple[Actor, ASGIRequest]:
    request = ASGIRequest(scope, BytesIO())
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    actor, _ = ActorAuthentication().authenticate(Request(request))
    try:
        require(actor, Scope.READ)
    except PermissionDenied as denied:
        keep_denied(actor, str(denied.detail), visit_in_front(scope, headers_of(scope)))
        raise
    return actor, request
