"""Every error as application/problem+json (RFC 9457), from API routes and from beside them.

Members: `type` (a page that explains it), `title`, `status`, `detail`, `code`, `request_id`, and for bad
input `errors`: [{field, pointer, code, message}].
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import exception_handler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from monitor.audit.refusals import BEYOND_REACH, denied, note_refused
from monitor.lib.actors import Actor
from monitor.lib.masking import mask_text
from monitor.lib.requestids import current_request_id
from monitor.lib.time_limit import ReaderLeft, TookTooLong

PROBLEM_JSON = "application/problem+json"
# How a database that is away, or a connection to it that broke, shows itself.
DATABASE_AWAY = (OperationalError, InterfaceError)
NARROW = "Narrow it: a shorter window with since and until, one service, or a whole value."
# draft-ietf-httpapi-ratelimit-headers-11.
QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
logger = logging.getLogger(__name__)

# What each code is called, and what to do about it; `/docs/errors` shows this table.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "validation_error": ("Invalid input", "Correct the fields named in `errors` and send it again."),
    "api_version_unknown": (
        "Unknown version",
        "Name a version that the changelog of the API lists, or leave API-Version out for the newest.",
    ),
    "malformed_json": ("Malformed JSON", "Send one well-formed JSON document in UTF-8."),
    "malformed_gzip": ("Malformed gzip", "Compress the body again, or send it plain."),
    "key_missing": ("Not authenticated", "Send an API key as `Authorization: Bearer mkey_…`, or sign in."),
    "key_invalid": (
        "Invalid API key",
        "Check the key for typing errors, or make a new one on the service's page.",
    ),
    "key_expired": ("Expired API key", "Make a new key on the service's page."),
    "key_revoked": ("Revoked API key", "Make a new key on the service's page."),
    "permission_denied": (
        "Not allowed",
        "Ask an administrator of the organization for the right to do this.",
    ),
    "scope_missing": ("Scope missing", "Use a key that has the scope named in `detail`."),
    "second_factor_missing": (
        "Second factor missing",
        "Sign in with a second factor; this installation asks for one.",
    ),
    "sign_in_again": ("Sign in again", "Confirm who you are on the sign-in page, then send it again."),
    "not_for_keys": ("For people", "Sign in, or send a personal token: keys have no say over people."),
    "other_service": ("Key of another service", "Use a key of the service in question."),
    "not_found": (
        "Not found",
        "Check the address and the id; what another organization owns is not found either.",
    ),
    "method_not_allowed": ("Method not allowed", "See `Allow` for the methods this address knows."),
    "conflict": ("Conflict", "Choose another value for the fields named in `errors`."),
    "idempotency_request_in_progress": (
        "Still in progress",
        "The first request with this Idempotency-Key is being answered. Send it again after `Retry-After`.",
    ),
    "idempotency_key_reused": (
        "Idempotency-Key used before",
        "The key came with another request, or from another caller. Make a new one for each operation.",
    ),
    "idempotency_answer_not_kept": (
        "Done, and the answer is not kept",
        "The request was carried out once; its answer was too large to keep. Read what it made.",
    ),
    "quota_exceeded": (
        "Too many requests",
        "Wait as many seconds as `Retry-After` names. `violated-policies` says which limit it was.",
    ),
    "request_timeout": ("Request timed out", "Send the body faster, or in smaller pieces."),
    "body_too_large": ("Body too large", "Send less at once; the limits stand in the documentation."),
    "unsupported_media_type": ("Unsupported media type", "Send one of the content types named in `detail`."),
    "target_not_allowed": ("Target not allowed", "Add the origin to the service's replay origins."),
    "too_much_to_read": (
        "Too much to read",
        "Only the logs themselves can tell, and there are too many: narrow what `detail` names.",
    ),
    "no_streams": ("No streams here", "Ask `GET /v1/logs` now and then, or have the server run as ASGI."),
    "server_busy": ("Server busy", "Nothing was kept. Try again after the seconds that `Retry-After` names."),
    "database_unavailable": ("Database unavailable", "Nothing was kept. Try again in a few seconds."),
    "internal_error": (
        "Internal error",
        "Nothing was kept. The server's log has the reason under this request id.",
    ),
}
# The same for people, who see neither fields nor headers; for what stands here alone pages have other words.
ON_PAGES: Mapping[str, tuple[str, str]] = {
    "validation_error": ("That did not work", "Go back, correct it and send it again."),
    "not_found": (
        "Not found",
        "Check the address. It may have been removed, or belong to an organization that you are not in.",
    ),
    "method_not_allowed": ("Nothing to see here", "Go back to the page that led here, and begin anew."),
    "request_timeout": ("That took too long", "Try again, with less at once."),
    "conflict": ("Taken already", "Go back and choose another value."),
    "quota_exceeded": ("Too many requests", "Try again in a minute."),
    "body_too_large": ("Too large", "Send less at once."),
    "unsupported_media_type": ("Not a file for this", "Choose a file of the kind that the form names."),
    "too_much_to_read": ("Too much to read", "Narrow it: a shorter time, one service, or a whole value."),
    "database_unavailable": ("Not just now", "Try again in a few seconds."),
}
STATUS_CODES: Mapping[int, str] = {
    400: "validation_error",
    401: "key_missing",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "too_much_to_read",
    429: "quota_exceeded",
    500: "internal_error",
    503: "database_unavailable",
}


class Conflict(APIException):
    """Another object holds this value already."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"

    def __init__(self, field: str, message: str) -> None:
        super().__init__({field: [message]}, code="conflict")
        self.field = field


class WithMembers(APIException):
    """Says more of a field than a message: `members`, by field, are added to its entry in `errors`."""

    def __init__(self, detail: Any, *, members: Mapping[str, Mapping[str, object]]) -> None:
        super().__init__(detail)
        self.members = members


class ServerBusy(APIException):
    """More came in than can be kept soon; nothing of this request was."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "server_busy"
    default_detail = "More logs are waiting than can be kept soon."
    wait = 1


class DatabaseUnavailable(APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    default_detail = "The database cannot be reached."
    wait = 1


class TooMuchToRead(APIException):
    """The time for this was over before it was found; the detail says what to narrow."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "too_much_to_read"


class RequestTimedOut(APIException):
    """The body did not arrive in the time there is for one."""

    status_code = HTTPStatus.REQUEST_TIMEOUT
    default_code = "request_timeout"
    default_detail = "The body took too long to arrive."


class QuotaExceeded(APIException):
    """More than a limit allows; nothing of this request was done. `wait_s` until it may fit."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "quota_exceeded"

    def __init__(self, *, policy: str, per_minute: int, wait_s: float) -> None:
        super().__init__(f"More than {per_minute:,} a minute: the limit '{policy}' is reached.")
        self.policy = policy
        self.per_minute = per_minute
        self.wait_s = wait_s

    @property
    def body(self) -> dict[str, object]:
        body = problem(self.status_code, self.default_code, str(self.detail))
        return {**body, "type": QUOTA_TYPE, "violated-policies": [self.policy]}

    @property
    def headers(self) -> dict[str, str]:
        """Never sooner than it may fit: clients heed Retry-After before all else."""
        wait = math.ceil(self.wait_s) or 1
        return {
            "Retry-After": str(wait),
            "RateLimit-Policy": f'"{self.policy}";q={self.per_minute};w=60',
            "RateLimit": f'"{self.policy}";r=0;t={wait}',
        }


def pointer_to(field: str) -> str:
    """A field's place in the body as a JSON pointer in a URI fragment: `tags.3` gives `#/tags/3`."""
    return "#/" + field.replace("~", "~0").replace("/", "~1").replace(".", "/")


def problem(
    status: int, code: str, detail: str, errors: Sequence[Mapping[str, object]] = (), **members: object
) -> dict[str, object]:
    """The body of an error answer."""
    title = PROBLEMS[code][0] if code in PROBLEMS else HTTPStatus(status).phrase
    body: dict[str, object] = {
        "type": f"{settings.PUBLIC_URL}/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": current_request_id(),
    }
    if errors:
        body["errors"] = list(errors)
    return body | members


def field_error(field: str, message: str, code: str = "invalid") -> dict[str, str]:
    return {"field": field, "pointer": pointer_to(field), "code": code, "message": message}


class ProblemFormatter(ExceptionFormatter):
    """Our shape in place of drf-standardized-errors' own."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, object]:
        first = error_response.errors[0]
        status = self.exc.status_code
        members = self.exc.members if isinstance(self.exc, WithMembers) else {}
        errors: list[dict[str, object]] = [
            {**field_error(error.attr, error.detail, error.code or "invalid"), **members.get(error.attr, {})}
            for error in error_response.errors
            if error.attr
        ]
        code = first.code if first.code in PROBLEMS else STATUS_CODES.get(status, "validation_error")
        detail = f"{errors[0]['field']}: {errors[0]['message']}" if errors else first.detail
        return problem(status, code, detail, errors)


def note_away(error: Exception) -> None:
    """Warn the operator, unless it was the reader who went away and not the database."""
    if not isinstance(error, ReaderLeft):
        logger.warning("The database did not answer: %s", error)


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: whatever a view raises leaves as a problem."""
    if isinstance(exc, TookTooLong):
        exc = TooMuchToRead(NARROW)
    if isinstance(exc, DATABASE_AWAY):
        note_away(exc)
        exc = DatabaseUnavailable()
    if isinstance(exc, QuotaExceeded):
        return Response(exc.body, status=exc.status_code, headers=exc.headers, content_type=PROBLEM_JSON)
    if isinstance(exc, (ServerBusy, DatabaseUnavailable)):
        return come_back_later(exc)
    if isinstance(exc, PermissionDenied) and exc.get_codes() in BEYOND_REACH:
        note_denied(context["request"], str(exc.detail))
    response: Response | None = exception_handler(exc, cast(Any, context))
    if response is not None:
        response.content_type = PROBLEM_JSON
    return response


def note_denied(request: Request | None, reason: str) -> None:
    """For the audit log, where a key or a token asked. What stands in front of Django knows no request, and
    sees to it itself."""
    if request is not None and isinstance(request.user, Actor):
        refused = denied(request.user, reason)
        if refused is not None:
            note_refused(refused)


def come_back_later(exc: ServerBusy | DatabaseUnavailable) -> Response:
    """A 503. Not by way of the handler of slips, which would log a traceback for each: thousands a second."""
    set_rollback()
    return Response(
        problem(exc.status_code, str(exc.default_code), str(exc.detail)),
        status=exc.status_code,
        headers={"Retry-After": str(exc.wait)},
        content_type=PROBLEM_JSON,
    )


def problem_response(
    status: int, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """A problem outside of DRF's views."""
    return JsonResponse(
        problem(status, code or STATUS_CODES[status], detail),
        status=status,
        headers=headers,
        content_type=PROBLEM_JSON,
    )


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith("/v1/") or "text/html" not in request.headers.get("Accept", "")


def error_answer(
    request: HttpRequest, status: int, detail: str, *, to_people: str = "", wait_s: float | None = None
) -> HttpResponse:
    """A problem for programs, a page for people: `to_people` instead of the detail, and when to try again."""
    if is_for_programs(request):
        return problem_response(status, detail)
    code = STATUS_CODES[status]
    title, advice = ON_PAGES.get(code) or PROBLEMS[code]
    if wait_s is not None:
        wait = math.ceil(wait_s) or 1
        advice = f"Try again in {wait} second{'' if wait == 1 else 's'}."
    detail = to_people or detail
    context = {"title": title, "detail": detail, "advice": advice, "request_id": current_request_id()}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_answer(request, 400, "The request could not be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_answer(request, 403, "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    # What a view said is fit to be shown; the resolver's own exception lists all routes and is not.
    said = exception.args[0] if exception.args and isinstance(exception.args[0], str) else None
    return error_answer(request, 404, said or mask_text(f"There is nothing at {request.path}."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Renders nothing that could fail again: no template, no query."""
    if is_for_programs(request):
        return problem_response(500, "Something went wrong on our side.")
    text = f"Something went wrong on our side. The server's log has the reason under {current_request_id()}."
    return plain_words(text, status=500)


def plain_words(text: str, *, status: int) -> HttpResponse:
    """For people, where a page could not be drawn."""
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_answer(
        request, 403, "The form was too old or came from elsewhere. Reload the page, send it again."
    )


class DatabaseAwayMiddleware:
    """Answers 503, not 500, when a page meets a database that is away. API routes see to it themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DATABASE_AWAY):
            return None
        note_away(exception)
        words = "The database cannot be reached. Try again in a few seconds."
        # A page would ask the database who is there.
        return problem_response(503, words) if is_for_programs(request) else plain_words(words, status=503)
