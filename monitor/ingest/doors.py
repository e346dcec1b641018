"""What each ingestion address takes and answers, whatever serves it.

A face reads the request, lets the door make items of its body, has the pipeline keep them, and sends the
door's answer. So the DRF views and the ASGI lane cannot differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Protocol
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated, ParseError, PermissionDenied, UnsupportedMediaType

from monitor.api.authentication import key_from
from monitor.api.body import BodyTooLarge
from monitor.api.errors import PROBLEM_JSON, PROBLEMS, ServerBusy, field_error, problem
from monitor.front.answers import JSON, Answer
from monitor.ingest.accept import Outcome, Rejection
from monitor.ingest.decode import LogItem, Undecodable, decode_batch, decode_one
from monitor.ingest.entry import Entry, Sender
from monitor.ingest.reports import Report
from monitor.models import ApiKey

JSON_TYPES = frozenset({"", JSON, "text/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
# Rejections that are no fault of the sender.
DATABASE_UNAVAILABLE = "database_unavailable"
FAILURES = {"internal_error": 500, DATABASE_UNAVAILABLE: 503}


class Door(Protocol):
    """One ingestion address."""

    def for_request(self, media_type: str) -> "Door":
        """The door as one request meets it: one whose answer depends on what it read is made anew."""

    def credential(self, headers: Mapping[str, str]) -> str | None:
        """The text of the key that the request came with, out of its headers by lower-case name."""

    def limit_bytes(self) -> int:
        """The largest body, after decompression."""

    def check(self, media_type: str) -> None:
        """Raises UnsupportedMediaType before the body is read."""

    def items(self, body: bytes, media_type: str) -> Iterable[LogItem | Undecodable]:
        """The log items in a body. Raises APIException for a body that is no body of this door."""

    def reports(self) -> Sequence[Report]:
        """What the body that was read told beside logs."""

    def answer(self, outcome: Outcome) -> Answer: ...

    def refusal(self, problem: Answer) -> Answer:
        """A problem in the form that the door's clients read."""


class OwnDoor:
    """What our own doors have in common: they remember nothing, and refuse in problems."""

    def for_request(self, media_type: str) -> Any:
        return self

    def credential(self, headers: Mapping[str, str]) -> str | None:
        return key_from(headers)

    def reports(self) -> Sequence[Report]:
        return ()

    def refusal(self, problem: Answer) -> Answer:
        return problem


class OneLog(OwnDoor):
    """POST /v1/logs: one JSON object."""

    def limit_bytes(self) -> int:
        return int(settings.MAX_LOG_BYTES)

    def check(self, media_type: str) -> None:
        if media_type not in JSON_TYPES:
            raise UnsupportedMediaType(media_type, "Send a log as application/json.")

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        try:
            return [decode_one(body)]
        except Undecodable as error:
            return [error]

    def answer(self, outcome: Outcome) -> Answer:
        if outcome.rejections:
            return rejection_answer(outcome.rejections[0])
        if outcome.excluded:
            # Well taken, so nobody sends it again; and not made, so there is no id.
            return Answer(status=202, body={"id": None, "excluded_by": outcome.excluded[0]})
        return Answer(status=201, body=light_row(outcome.entries[0]))


class ManyLogs(OwnDoor):
    """POST /v1/logs/batch: a JSON array, or NDJSON."""

    def limit_bytes(self) -> int:
        return int(settings.MAX_BATCH_BYTES)

    def check(self, media_type: str) -> None:
        batch_kind(media_type)

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        try:
            # One more than allowed tells; the rest of a bad batch is not worth decoding.
            items = list(islice(decode_batch(body, batch_kind(media_type)), settings.MAX_BATCH_LOGS + 1))
        except Undecodable as error:
            raise ParseError(str(error), code=error.code) from None
        if len(items) > settings.MAX_BATCH_LOGS:
            raise BodyTooLarge(f"A batch holds at most {settings.MAX_BATCH_LOGS:,} logs.")
        return items

    def answer(self, outcome: Outcome) -> Answer:
        result: dict[str, Any] = {
            "accepted": len(outcome.entries),
            "rejected": len(outcome.rejections),
            "excluded": len(outcome.excluded),
            "ids": [entry.id for entry in outcome.entries],
            "errors": [item_error(each) for each in outcome.rejections],
        }
        if outcome.entries or outcome.excluded:
            return Answer(status=207 if outcome.rejections else 201, body=result)
        detail = "No log in the batch could be kept." if outcome.rejections else "The batch holds no logs."
        # What failed on our side may be sent again, so one such item decides.
        status, code = max(map(status_of, outcome.rejections), default=(400, "validation_error"))
        return problem_answer(problem(status, code, detail, **result))


DOORS: Mapping[str, Door] = {"/v1/logs": OneLog(), "/v1/logs/batch": ManyLogs()}


def sender_of(key: ApiKey) -> Sender:
    """Whose logs the key brings. Raises PermissionDenied for a key of no service."""
    if key.service is None:
        raise PermissionDenied("This key belongs to no service; logs are sent with a key of their service.")
    return Sender.of(key)


def key_needed() -> NotAuthenticated:
    return NotAuthenticated("Logs are sent with the key of a service: 'Authorization: Bearer mkey_…'.")


def media_type_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def batch_kind(media_type: str) -> Literal["array", "ndjson"]:
    if media_type in JSON_TYPES:
        return "array"
    if media_type in NDJSON_TYPES:
        return "ndjson"
    raise UnsupportedMediaType(
        media_type, "Send a batch as application/json (an array) or application/x-ndjson."
    )


def problem_answer(body: Mapping[str, Any]) -> Answer:
    status = int(body["status"])
    headers = {"Retry-After": str(ServerBusy.wait)} if status == ServerBusy.status_code else {}
    return Answer(status=status, body=body, content_type=PROBLEM_JSON, headers=headers)


def rejection_answer(rejection: Rejection) -> Answer:
    """The problem of a single log."""
    if not rejection.field:
        # Codes of fields are many; those of problems are the ones that have a place on the page of errors.
        code = rejection.code if rejection.code in PROBLEMS else "validation_error"
        return problem_answer(problem(status_of(rejection)[0], code, rejection.message))
    errors = [field_error(rejection.field, rejection.message, rejection.code)]
    detail = f"{rejection.field}: {rejection.message}"
    return problem_answer(problem(400, "validation_error", detail, errors))


def status_of(rejection: Rejection) -> tuple[int, str]:
    """The status and the code of a whole answer that this rejection decides."""
    if rejection.code in FAILURES:
        return FAILURES[rejection.code], rejection.code
    return 400, "validation_error"


def item_error(rejection: Rejection) -> dict[str, Any]:
    """A field error, as everywhere, and the item it is about."""
    place = f"{rejection.index}.{rejection.field}".rstrip(".")
    error = field_error(place, rejection.message, rejection.code)
    return {**error, "index": rejection.index, "field": rejection.field}


def light_row(entry: Entry) -> dict[str, UUID | Any]:
    """The log as lists show it: LogRowSerializer's fields without its cost; a test holds the two together.

    `route` and `consumer` are those of the log itself; lists show "(other)" for names beyond the cap.
    """
    return {
        "id": entry.id,
        "service_id": entry.service_id,
        "method": entry.method,
        "url": entry.url,
        "path": entry.path,
        "route": entry.route,
        "status_code": entry.status_code,
        "latency_ms": entry.latency_ms,
        "error": entry.error,
        "tags": entry.tags,
        "consumer": entry.consumer_identifier,
        "environment": entry.environment,
        "mode": entry.mode,
        "trace_id": entry.trace_id,
        "captured_at": entry.captured_at,
    }
