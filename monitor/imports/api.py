"""POST /v1/import/har and POST /v1/import/ndjson.

Served by Django alone: files are few and large, and the lane is made for the many that are small.
"""

from collections.abc import Iterable

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from monitor.front.answers import Answer
from monitor.imports.bring import bring_in
from monitor.imports.doors import FileDoor, HarFile, NdjsonFile, import_answer
from monitor.ingest.api import IngestDoor
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.documentation import BatchResultSerializer
from monitor.ingest.doors import Door
from monitor.ingest.entry import Sender

BOOLEANS = {"true": True, "false": False, "": False}
DRY_RUN = OpenApiParameter(
    "dry_run", OpenApiTypes.BOOL, default=False, description="Check everything and keep nothing."
)


class ImportResultSerializer(BatchResultSerializer):
    """Of the accepted, `new` were not kept before; `known` are there already, or stand twice in the file."""

    dry_run = serializers.BooleanField()
    new = serializers.IntegerField(min_value=0)
    known = serializers.IntegerField(min_value=0)


class ImportFile(IngestDoor):
    door: FileDoor

    def take(self, door: Door, items: Iterable[LogItem | Undecodable], sender: Sender) -> Answer:
        brought = bring_in(
            items, sender, source=self.door.source, now=timezone.now(), dry_run=dry_run_of(self.request)
        )
        return import_answer(brought)


def dry_run_of(request: Request) -> bool:
    asked = request.query_params.get("dry_run", "").lower()
    if asked not in BOOLEANS:
        raise ValidationError({"dry_run": "Must be true or false."})
    return BOOLEANS[asked]


RESPONSES = {200: ImportResultSerializer, 201: ImportResultSerializer, 207: ImportResultSerializer}


class ImportHar(ImportFile):
    door = HarFile()

    @extend_schema(
        summary="Import a HAR file",
        description="As browsers, proxies and this API write it. Each entry becomes a log at the moment it"
        " happened; imported again, it is kept once. One bad entry does not sink the others: `errors` name"
        " the entry (`index`, from 0) and the field. Bodies that are no text are left out. Files beyond the"
        " limit: in parts, or by `manage.py import_har`.",
        parameters=[DRY_RUN],
        request={"application/json": OpenApiTypes.OBJECT},
        responses=RESPONSES,
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)


class ImportNdjson(ImportFile):
    door = NdjsonFile()

    @extend_schema(
        summary="Import logs from NDJSON",
        description="A log a line, as `GET /v1/logs/export` writes them: sent back to its service, an export"
        " brings back what is gone and changes nothing that is there.",
        parameters=[DRY_RUN],
        request={"application/x-ndjson": OpenApiTypes.STR},
        responses=RESPONSES,
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)
