"""The tail in the OpenAPI document, and its answer where there is none."""

from http import HTTPStatus

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.models import RequestLog
from monitor.search.backend import LogFilterBackend
from monitor.search.filters import TextLogFilter


class NoStreams(APIException):
    """Django's threads serve this request: each stream would hold one for good."""

    status_code = HTTPStatus.NOT_FOUND
    default_code = "no_streams"
    default_detail = (
        "This installation is served without streams (WEB_INTERFACE=wsgi). Ask GET /v1/logs now and then."
    )


class TailLogs(GenericAPIView[RequestLog]):
    filter_backends = [LogFilterBackend]
    filterset_class = TextLogFilter
    pagination_class = None
    problems = {"GET": ("404",)}
    queryset = RequestLog.objects.none()

    @extend_schema(
        operation_id="v1_logs_tail",
        summary="Follow new logs as they are kept",
        description="Server-sent events, with the filters of the log search: `ready`, `log` (a light row, as"
        " in lists), `dropped` (`count` matching logs were too many, `unread` could not be looked at), `gap`"
        " (logs may have been missed), `beat` every 15 seconds, and `end` with a reason. `Last-Event-ID`"
        " resumes within 4 minutes; a log may then come twice, with the same id. docs/search.md tells more.",
        parameters=[
            OpenApiParameter("fields", OpenApiTypes.STR, enum=["id"], description="Only the logs' ids."),
            OpenApiParameter(
                "Last-Event-ID",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Where to continue: the last `id` that was received.",
            ),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response:
        raise NoStreams
