"""OTLP's addresses as DRF views, for plain WSGI; under an ASGI server the lane answers them."""

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from monitor.api.rows import LogRowSerializer
from monitor.front.answers import JSON
from monitor.ingest.api import IngestDoor, IngestLog
from monitor.ingest.documentation import LogItemSerializer
from monitor.otlp import doors
from monitor.otlp.answers import LOGS, METRICS, PROTOBUF, TRACES
from monitor.otlp.documentation import OtlpAutoSchema, request_of, responses_of


class Traces(IngestDoor):
    door = doors.Traces()
    schema = OtlpAutoSchema()

    @extend_schema(
        summary="Report requests as OpenTelemetry spans",
        description="OTLP over HTTP. Server and client spans with HTTP attributes become logs, once each "
        "however often they are sent; what else there was is counted in `partialSuccess`.",
        request=request_of("resourceSpans"),
        responses=responses_of(TRACES),
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)


class Records(IngestDoor):
    door = doors.Records()
    schema = OtlpAutoSchema()

    @extend_schema(
        summary="Take OpenTelemetry log records",
        description="OTLP over HTTP. The events of Apitally's clients are read: paths and versions when an "
        "application starts, consumers, and the errors that it counted. Other records are not kept; "
        "`partialSuccess` counts them as rejected.",
        request=request_of("resourceLogs"),
        responses=responses_of(LOGS),
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)


class Points(IngestDoor):
    door = doors.Points()
    schema = OtlpAutoSchema()

    @extend_schema(
        summary="Take OpenTelemetry metrics",
        description="OTLP over HTTP. Histograms of `http.server.request.duration`, explicit or exponential, "
        "become numbers, never added to logs of the same requests; sizes of bodies that go with them, and "
        "CPU and memory of processes, are read too. Other data points are not kept; `partialSuccess` counts "
        "them as rejected.",
        request=request_of("resourceMetrics"),
        responses=responses_of(METRICS),
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)


class OneLogOrRecords(IngestLog):
    door = doors.OneLogOrRecords()
    schema = OtlpAutoSchema()

    @extend_schema(
        summary="Report one request",
        description="Committed before the answer. With `event_id` and `timestamp`, a repeat is kept once and "
        "answers with the same id. OpenTelemetry's log records are taken here too, as protobuf or as JSON "
        "with `resourceLogs` at its top, and answered as at /otlp/v1/logs.",
        request={JSON: LogItemSerializer, PROTOBUF: OpenApiTypes.BINARY},
        responses={201: LogRowSerializer, **responses_of(LOGS)},
    )
    def post(self, request: Request) -> HttpResponseBase:
        return self.answer(request, self.door)
