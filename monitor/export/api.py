"""GET /v1/logs/export."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.http import HttpResponseBase, QueryDict, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from monitor.api.authentication import actor_of
from monitor.api.errors import ServerBusy
from monitor.audit import record_in_each
from monitor.export.as_csv import Csv
from monitor.export.as_har import Har
from monitor.export.as_ndjson import Ndjson
from monitor.export.streaming import ExportStream, Format, TooManyExports
from monitor.search.api import SearchLogs, asked_of
from monitor.search.finding import Search

FORMATS: Mapping[str, type[Csv | Ndjson | Har]] = {"csv": Csv, "ndjson": Ndjson, "har": Har}
BOOLEANS = {"true": True, "false": False, "": False}


class TooBusyToExport(ServerBusy):
    default_detail = "Several exports are under way already."
    wait = 10


class ExportLogs(SearchLogs):
    limited_as = {"GET": "exports"}
    pagination_class = None  # type: ignore[assignment] # a file has no pages

    @extend_schema(
        operation_id="v1_logs_export",
        summary="Export all logs that a search finds",
        description="The filters of the log search; every match, newest first, each once. NDJSON can"
        " be sent back to `POST /v1/logs/batch`. A file that breaks off was not finished: docs/search.md.",
        parameters=[
            OpenApiParameter("format", OpenApiTypes.STR, enum=list(FORMATS), default="ndjson"),
            OpenApiParameter(
                "bodies", OpenApiTypes.BOOL, default=False, description="With bodies; not in CSV."
            ),
        ],
        responses={
            (200, Csv.content_type.partition(";")[0]): OpenApiTypes.STR,
            (200, Ndjson.content_type): OpenApiTypes.STR,
            (200, Har.content_type): OpenApiTypes.OBJECT,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:  # type: ignore[override] # a file, not a list
        form, bodies = format_of(request.query_params), bodies_of(request.query_params)
        filterset = asked_of(self, request)
        search = Search(logs=filterset.qs.with_names(), window=filterset.window(), phrases=filterset.phrases)
        try:
            stream = ExportStream(search, form, bodies=bodies)
        except TooManyExports:
            raise TooBusyToExport from None
        record_in_each(
            "logs.exported",
            actor_of(request).organizations(),
            target_type="logs",
            note=f"as {name_of(form)}{' with bodies' if bodies else ''}",
        )
        response = StreamingHttpResponse(stream, content_type=form.content_type)
        response["Content-Disposition"] = f'attachment; filename="{file_name(form, now=timezone.now())}"'
        response["Cache-Control"] = "no-store"
        return response


def format_of(params: QueryDict) -> Format:
    name = params.get("format") or Ndjson.name
    if name not in FORMATS:
        raise ValidationError({"format": f"Must be one of {', '.join(FORMATS)}."})
    form: Format = FORMATS[name]()
    return form


def bodies_of(params: QueryDict) -> bool:
    asked = params.get("bodies", "").lower()
    if asked not in BOOLEANS:
        raise ValidationError({"bodies": "Must be true or false."})
    return BOOLEANS[asked]


def file_name(form: Format, *, now: datetime) -> str:
    return f"logs-{now.astimezone(UTC):%Y%m%d-%H%M%S}.{name_of(form)}"


def name_of(form: Format) -> str:
    return next(name for name, known in FORMATS.items() if isinstance(form, known))
