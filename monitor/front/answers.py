"""Answers, and how they are sent without Django."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rest_framework.exceptions import APIException

from monitor.api.authentication import BEARER
from monitor.api.errors import DATABASE_AWAY, PROBLEM_JSON, problem, problem_handler
from monitor.lib.asgi import Send

JSON = "application/json"

logger = logging.getLogger(__name__)
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    # Bytes are encoded already; the rest becomes JSON.
    body: Mapping[str, Any] | bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def error_answer(error: Exception) -> Answer:
    """The problem that the DRF views would answer with."""
    if not isinstance(error, (APIException, *DATABASE_AWAY)):
        logger.error("A request could not be answered", exc_info=error)
        body = problem(500, "internal_error", "Something went wrong on our side.")
        return Answer(status=500, body=body, content_type=PROBLEM_JSON)
    if isinstance(error, APIException) and error.status_code == 401:
        error.auth_header = BEARER  # type: ignore[attr-defined] # as APIView.handle_exception does
    response = problem_handler(error, {"view": None, "request": None})
    if response is None:
        raise RuntimeError("An APIException has no problem.")
    return Answer(
        status=response.status_code,
        body=response.data,
        content_type=PROBLEM_JSON,
        # Besides the type, which a renderer would have set: WWW-Authenticate and Retry-After.
        headers={name: value for name, value in response.items() if name != "Content-Type"},
    )


async def respond(send: Send, answer: Answer, request_id: str, standing: list[tuple[bytes, bytes]]) -> None:
    body = answer.body if isinstance(answer.body, bytes) else encode(answer.body)
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *standing,
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
