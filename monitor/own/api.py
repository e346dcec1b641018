"""GET /v1/request-logs."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.models import RequestLog, Service
from monitor.search.api import FoundLogSerializer, SearchLogs
from monitor.search.paging import SEARCH_COMPLETE

OTHER_SERVICE = "These are the organization's calls: a key of one service cannot see them."


class RequestLogsView(SearchLogs):
    def get_queryset(self) -> QuerySet[RequestLog]:
        actor = actor_of(self.request)
        if actor.service_id is not None:
            raise PermissionDenied(OTHER_SERVICE, code="other_service")
        own = Service.objects.visible_to(actor, own=True).filter(is_own=True)
        logs = RequestLog.objects.of_services(own.values_list("id", flat=True))
        return logs.newest_first()

    @extend_schema(
        operation_id="v1_request_logs_list",
        summary="List the organization's own calls of this API, newest first",
        description="Of keys, and of people in this organization alone. The filters of the log search;"
        " `trace_id` is the call's `X-Request-Id`, and its tag says who called. Kept within seconds, without"
        " bodies; ingestion is not in it.",
        responses=FoundLogSerializer(many=True),
        parameters=[SEARCH_COMPLETE],
    )
    def get(self, request: Request) -> Response:
        return super().get(request)
