"""Counts each call of the API by somebody known. Ingestion in front of Django counts its own."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from monitor.api.authentication import KNOWN_CALLER
from monitor.api.callers import Caller
from monitor.usage.calls import count_call


class UsageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        known = getattr(request, KNOWN_CALLER, None)
        if known is not None:
            caller = Caller(actor=known[0], key=known[1])
            if caller.organization_id is not None and not caller.actor.is_anonymous:
                key_id = caller.key.id if caller.key else None
                count_call(caller.organization_id, key_id=key_id, mode=caller.mode)
        return response
