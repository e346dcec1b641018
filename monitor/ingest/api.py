"""The doors of the API: POST /v1/logs and POST /v1/logs/batch."""

from itertools import islice
from typing import Any, Literal

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, ParseError, PermissionDenied, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.body import BodyTooLarge, read_body
from monitor.api.errors import PROBLEM_JSON, field_error, problem
from monitor.api.rows import LogRowSerializer
from monitor.ingest.accept import Outcome, Rejection, accept
from monitor.ingest.decode import LogItem, Undecodable, decode_batch, decode_one
from monitor.ingest.documentation import LogItemSerializer
from monitor.ingest.entry import Sender
from monitor.lib.actors import Scope
from monitor.models import ApiKey

JSON_TYPES = frozenset({"", "application/json", "text/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


def sender_of(request: Request) -> Sender:
    """Whose logs the request carries. Only a key of a service can say so."""
    key: ApiKey | None = request.auth  # type: ignore[assignment] # ActorAuthentication puts the key there
    if key is None:
        raise NotAuthenticated("Logs are sent with the key of a service: 'Authorization: Bearer mkey_…'.")
    if key.service is None:
        raise PermissionDenied("This key belongs to no service; logs are sent with a key of their service.")
    return Sender.of(key)


def media_type(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


class IngestDoor(APIView):
    """Reads the raw body: the pipeline decodes for every door alike, and a chunked body must not get lost."""

    scopes = {"POST": Scope.INGEST}


class IngestLog(IngestDoor):
    @extend_schema(
        summary="Report one request",
        description="Committed before the answer. With `event_id` and `timestamp`, a repeat is kept once and "
        "answers with the same id.",
        request=LogItemSerializer,
        responses={201: LogRowSerializer},
    )
    def post(self, request: Request) -> Response:
        sender = sender_of(request)
        if media_type(request) not in JSON_TYPES:
            raise UnsupportedMediaType(media_type(request), "Send a log as application/json.")
        body = read_body(request._request, limit_bytes=settings.MAX_LOG_BYTES)
        try:
            item: LogItem | Undecodable = decode_one(body)
        except Undecodable as error:
            item = error
        outcome = accept([item], sender, now=timezone.now())
        if outcome.rejections:
            return rejection_response(outcome)
        return Response(LogRowSerializer(outcome.entries[0]).data, status=201)


class IngestBatch(IngestDoor):
    @extend_schema(
        summary="Report many requests",
        description="A JSON array, or NDJSON as application/x-ndjson; plain or gzip. One bad item does not "
        "sink the others: 201 when all were accepted, 207 when some were, 400 when none was. `index` counts "
        "from 0.",
        request={
            "application/json": LogItemSerializer(many=True),
            "application/x-ndjson": OpenApiTypes.STR,
        },
        responses={
            status: inline_serializer(
                f"BatchResult{status}",
                {
                    "accepted": serializers.IntegerField(),
                    "rejected": serializers.IntegerField(),
                    "ids": serializers.ListField(child=serializers.UUIDField()),
                    "errors": serializers.ListField(child=serializers.DictField()),
                },
            )
            for status in (201, 207)
        },
    )
    def post(self, request: Request) -> Response:
        sender = sender_of(request)
        kind = batch_kind(request)
        body = read_body(request._request, limit_bytes=settings.MAX_BATCH_BYTES)
        try:
            # One more than allowed tells; the rest of a bad batch is not worth decoding.
            items = list(islice(decode_batch(body, kind), settings.MAX_BATCH_LOGS + 1))
        except Undecodable as error:
            raise ParseError(str(error), code=error.code) from None
        if len(items) > settings.MAX_BATCH_LOGS:
            raise BodyTooLarge(f"A batch holds at most {settings.MAX_BATCH_LOGS:,} logs.")
        outcome = accept(items, sender, now=timezone.now())
        return batch_response(outcome)


def batch_kind(request: Request) -> Literal["array", "ndjson"]:
    sent = media_type(request)
    if sent in JSON_TYPES:
        return "array"
    if sent in NDJSON_TYPES:
        return "ndjson"
    raise UnsupportedMediaType(sent, "Send a batch as application/json (an array) or application/x-ndjson.")


def rejection_response(outcome: Outcome) -> Response:
    """The problem of a single log."""
    rejection = outcome.rejections[0]
    if not rejection.field:
        body = problem(400, rejection.code, rejection.message)
    else:
        errors = [field_error(rejection.field, rejection.message, rejection.code)]
        body = problem(400, "validation_error", f"{rejection.field}: {rejection.message}", errors)
    return Response(body, status=400, content_type=PROBLEM_JSON)


def item_error(rejection: Rejection) -> dict[str, Any]:
    """A field error, as everywhere, and the item it is about."""
    place = f"{rejection.index}.{rejection.field}".rstrip(".")
    error = field_error(place, rejection.message, rejection.code)
    return {**error, "index": rejection.index, "field": rejection.field}


def batch_response(outcome: Outcome) -> Response:
    result: dict[str, Any] = {
        "accepted": len(outcome.entries),
        "rejected": len(outcome.rejections),
        "ids": [str(entry.id) for entry in outcome.entries],
        "errors": [item_error(each) for each in outcome.rejections],
    }
    if outcome.entries:
        return Response(result, status=207 if outcome.rejections else 201)
    detail = "No log in the batch could be kept." if outcome.rejections else "The batch holds no logs."
    return Response(problem(400, "validation_error", detail, **result), status=400, content_type=PROBLEM_JSON)
