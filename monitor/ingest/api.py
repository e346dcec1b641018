"""The doors of the API as DRF views: POST /v1/logs and POST /v1/logs/batch.

Under an ASGI server `lane.py` answers these addresses; the views serve plain WSGI, and describe both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.body import read_body
from monitor.api.errors import PROBLEM_JSON
from monitor.api.rows import LogRowSerializer
from monitor.front.answers import Answer
from monitor.ingest.accept import accept
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.documentation import BatchResultSerializer, ExcludedSerializer, LogItemSerializer
from monitor.ingest.doors import DOORS, Door, key_needed, media_type_of, sender_of
from monitor.ingest.entry import Sender
from monitor.ingest.reports import keep_reports
from monitor.lib.actors import Scope
from monitor.lib.counting import count_rejected


class IngestDoor(APIView):
    """Reads the raw body: the pipeline decodes for every door alike, and a chunked body must not get lost."""

    scopes = {"POST": Scope.INGEST}
    # Logs that are sent again are known by their event_id.
    takes_idempotency_key = False
    door: Door
    met: Door | None = None

    def answer(self, request: Request, door: Door) -> HttpResponseBase:
        # Errors from here on are told by the door that the request has met.
        self.met = door = door.for_request(media_type_of(request.content_type or ""))
        if request.auth is None:
            raise key_needed()
        sender = sender_of(request.auth)  # type: ignore[arg-type] # ActorAuthentication puts the key there
        media_type = media_type_of(request.content_type or "")
        door.check(media_type)
        body = read_body(request._request, limit_bytes=door.limit_bytes())
        answer = self.take(door, door.items(body, media_type), sender)
        return response_of(answer, headers=answer.headers)

    def take(self, door: Door, items: Iterable[LogItem | Undecodable], sender: Sender) -> Answer:
        """What became of the items, as the door tells it."""
        outcome = accept(items, sender, now=timezone.now())
        keep_reports(door.reports(), sender, now=timezone.now())
        return door.answer(outcome)

    def door_met(self) -> Door:
        """The door at the address that was asked for."""
        return self.door

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        if self.request.method != "POST":
            return response
        count_rejected(response.data["code"])
        problem = Answer(status=response.status_code, body=response.data, content_type=PROBLEM_JSON)
        # One that was turned away before it met a door is answered as by the door it came to.
        door = self.met or self.door_met().for_request(media_type_of(self.request.content_type or ""))
        told = door.refusal(problem)
        return response if told is problem else response_of(told, headers=response.headers)


def response_of(answer: Answer, *, headers: Mapping[str, str]) -> HttpResponseBase:
    """The answer, with those of these headers that say nothing of the body."""
    kept = {name: value for name, value in headers.items() if not name.startswith("Content-")}
    made: HttpResponseBase
    if isinstance(answer.body, bytes):
        made = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type, headers=kept)
    else:
        made = Response(answer.body, status=answer.status, content_type=answer.content_type, headers=kept)
    return made


class IngestLog(IngestDoor):
    door = DOORS["/v1/logs"]

    @extend_schema(
        summary="Report one request",
        description="Committed before the answer. With `event_id` and `timestamp`, a repeat is kept once and "
        "answers with the same id.",
        request=LogItemSerializer,
        responses={201: LogRowSerializer, 202: ExcludedSerializer},
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)


class IngestBatch(IngestDoor):
    door = DOORS["/v1/logs/batch"]

    @extend_schema(
        summary="Report many requests",
        description="A JSON array, or NDJSON as application/x-ndjson; plain or gzip. One bad item does not "
        "sink the others: 201 when all were accepted, 207 when some were, 400 when none was. `index` counts "
        "from 0.",
        request={
            "application/json": LogItemSerializer(many=True),
            "application/x-ndjson": OpenApiTypes.STR,
        },
        responses={201: BatchResultSerializer, 207: BatchResultSerializer},
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)
