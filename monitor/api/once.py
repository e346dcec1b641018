"""Has each POST and PATCH of /v1 with an Idempotency-Key carried out once, whatever its view.

A middleware, so that no route can forget it. Who calls and what they may do is settled before a key is
looked up, so a key tells nobody anything that they could not have asked for.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from rest_framework.exceptions import APIException

from monitor.api.callers import Caller, identify
from monitor.api.errors import DATABASE_AWAY, problem_response
from monitor.api.idempotency import (
    BadKey,
    InProgress,
    KeyReused,
    begin,
    body_of,
    claim_of,
    finish,
    key_of,
    let_go,
)
from monitor.api.permissions import require, scope_for
from monitor.api.versioning import told_in_version
from monitor.lib.secrets import CannotOpen
from monitor.models import IdempotentRequest
from monitor.models.idempotency import IdempotentState

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
OMITTED = "Idempotent-Omitted"
METHODS = frozenset({"POST", "PATCH"})
COME_BACK_S = "2"
logger = logging.getLogger(__name__)
Run = Callable[[], HttpResponse]


def takes_key(view_class: Any, method: str) -> bool:
    """Whether a view's method looks at the header."""
    return method in METHODS and bool(getattr(view_class, "takes_idempotency_key", True))


def answers(view: Any, method: str) -> bool:
    """Whether the view knows the method at all."""
    actions = getattr(view, "actions", None)
    return method.lower() in actions if actions else hasattr(view.cls, method.lower())


class IdempotencyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        header = request.headers.get(HEADER)
        view_class = getattr(view, "cls", None)
        if header is None or view_class is None or not request.path.startswith("/v1/"):
            return None
        method = request.method or ""
        if not takes_key(view_class, method) or not answers(view, method):
            return None
        caller = caller_who_may(request, view_class)
        if caller is None:
            return None
        try:
            claim = claim_of(request, caller, key_of(header))
        except BadKey as error:
            return problem_response(400, str(error))
        except RequestDataTooBig:  # nor will the view take it
            return None
        return answer_once(
            lambda: begin(claim, now=timezone.now()),
            lambda: rendered(told_in_version(request, view(request, *args, **kwargs))),
        )


def caller_who_may(request: HttpRequest, view_class: Any) -> Caller | None:
    """Who calls, when the view would let them in: otherwise it says why not, and no key is looked up."""
    try:
        caller = identify(request)
        require(caller.actor, scope_for(view_class, request.method or ""))
    except APIException:
        return None
    return caller


def rendered(response: HttpResponse) -> HttpResponse:
    """DRF's answers have no bytes before; and what goes wrong in making them undoes the effect, too."""
    return response.render() if isinstance(response, SimpleTemplateResponse) else response


def answer_once(start: Callable[[], UUID | IdempotentRequest], run: Run) -> HttpResponse:
    """What `run` answers, for the first; what it answered, for those who come again."""
    while True:
        try:
            begun = start()
        except KeyReused:
            detail = "This Idempotency-Key came with another request before."
            return problem_response(422, detail, code="idempotency_key_reused")
        except InProgress:
            detail = "The first request with this Idempotency-Key is still being answered."
            again = {"Retry-After": COME_BACK_S}
            return problem_response(409, detail, code="idempotency_request_in_progress", headers=again)
        answer = replay(begun) if isinstance(begun, IdempotentRequest) else carry_out(begun, run)
        if answer is not None:
            return answer


def carry_out(row_id: UUID, run: Run) -> HttpResponse | None:
    """Effect and answer in one transaction. None when the row went meanwhile: then begin again."""
    try:
        with transaction.atomic():
            # A runner whose lease is over may still be at it. It is waited for here, and its answer given.
            row = IdempotentRequest.objects.select_for_update().filter(id=row_id).first()
            if row is None:
                return None
            if row.state == IdempotentState.DONE:
                return replay(row)
            response = run()
            if response.status_code < 500:
                finish(row, response)
                return response
            transaction.set_rollback(True)
    except BaseException:
        let_go_if_possible(row_id)
        raise
    let_go_if_possible(row_id)
    return response


def let_go_if_possible(row_id: UUID) -> None:
    """Where the database is away, the lease ends it."""
    with contextlib.suppress(*DATABASE_AWAY):
        let_go(row_id)


def replay(row: IdempotentRequest) -> HttpResponse:
    """What was answered the first time, without what is shown once."""
    try:
        body = body_of(row)
    except CannotOpen:
        logger.warning("The answer %s was sealed with a key that is gone.", row.id)
        body = None
    if body is None:
        detail = "The request was carried out; its answer is not kept."
        return problem_response(409, detail, code="idempotency_answer_not_kept", headers={REPLAYED: "true"})
    answer = HttpResponse(body, status=row.status, headers={**row.headers, REPLAYED: "true"})
    if row.omitted:
        answer[OMITTED] = ", ".join(row.omitted)
    return answer
