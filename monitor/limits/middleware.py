"""Counts each call of the API, and each form, against the limits of who makes it.

A middleware in front of the views, so that no route can forget it; and in front of the transaction of an
Idempotency-Key, or all calls of an organization would wait for the one that holds its bucket.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import APIException, AuthenticationFailed

from monitor.access.pages import is_page
from monitor.access.requests import client_address
from monitor.api.callers import Caller, identify
from monitor.api.errors import PROBLEM_JSON, QuotaExceeded, error_answer
from monitor.lib.counting import count_limited
from monitor.limits.buckets import Standing, refusing, take, tightest
from monitor.limits.policies import (
    Limit,
    by_address,
    kind_of,
    limits_of,
    policy_header,
)

STANDINGS = "rate_standings"


class RateLimitMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        standings: list[Standing] | None = getattr(request, STANDINGS, None)
        if standings and "RateLimit" not in response:
            tight = tightest(standings)
            response["RateLimit-Policy"] = policy_header([each.limit for each in standings])
            response["RateLimit"] = (
                f'"{tight.limit.policy}";r={tight.remaining};t={max(round(tight.wait_s), 1)}'
            )
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        limits = limits_of_request(request, view)
        if not limits:
            return None
        standings = take(limits)
        refused = refusing(standings)
        if refused is not None:
            return too_many(request, refused)
        if request.path.startswith("/v1/"):
            setattr(request, STANDINGS, standings)
        return None


def limits_of_request(request: HttpRequest, view: Any) -> list[Limit]:
    """None for reading pages, for ingestion, which counts logs, and for what anybody may read."""
    method = request.method or ""
    if request.path.startswith("/v1/") and hasattr(view, "cls"):
        counts_logs = method == "POST" and not getattr(view.cls, "takes_idempotency_key", True)
        return [] if counts_logs else limits_of_call(request, view)
    kind = kind_of(view, method)
    if hasattr(view, "cls") or not (is_page(request) or is_open_form(request)) or kind is None:
        return []
    user_id = request.user.pk if request.user.is_authenticated else None
    if user_id is None:
        return [
            each
            for each in [by_address("strangers", client_address(request), settings.RATE_LIMIT_STRANGERS)]
            if each is not None
        ]
    actor = request.actor  # type: ignore[attr-defined] # PageGateMiddleware has put it there
    return limits_of(Caller(actor=actor, key=None), kind, client_address(request))


def is_open_form(request: HttpRequest) -> bool:
    """What is posted outside of the API, the pages and their pings: the login, the admin."""
    match = request.resolver_match
    return match is not None and (match.view_name == "login" or "admin" in match.namespaces)


def limits_of_call(request: HttpRequest, view: Any) -> list[Limit]:
    address = client_address(request)
    try:
        caller = identify(request)
    except AuthenticationFailed:
        found = [
            by_address("ip", address, settings.RATE_LIMIT_IP),
            by_address("bad-keys", address, settings.RATE_LIMIT_BAD_KEYS),
        ]
        return [each for each in found if each is not None]
    except APIException:  # a form of a foreign page, say; the view tells why
        return []
    return limits_of(caller, kind_of(view, request.method or ""), address)


def too_many(request: HttpRequest, refused: Standing) -> HttpResponse:
    """A problem for programs, a page for people."""
    limit = refused.limit
    count_limited(limit.policy)
    error = QuotaExceeded(policy=limit.policy, per_minute=limit.per_minute, wait_s=refused.wait_s)
    if request.path.startswith("/v1/"):
        return JsonResponse(
            error.body, status=error.status_code, headers=error.headers, content_type=PROBLEM_JSON
        )
    answer = error_answer(
        request,
        error.status_code,
        str(error.detail),
        to_people=f"More than {limit.per_minute:,} requests a minute are not answered.",
        wait_s=refused.wait_s,
    )
    for name, value in error.headers.items():
        answer[name] = value
    return answer
