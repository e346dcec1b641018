"""GET /v1/logs and GET /v1/logs/{id}."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.rows import LogRowSerializer
from monitor.lib.actors import Scope
from monitor.models import RequestLog
from monitor.search.backend import LogFilterBackend
from monitor.search.detail import reach_log, read_detail
from monitor.search.filters import LogFilter


class FoundLogSerializer(LogRowSerializer):
    endpoint_id = serializers.UUIDField(allow_null=True)
    received_at = serializers.DateTimeField()


class LogDetailSerializer(FoundLogSerializer):
    """Everything that was kept of a request. Masked values read `***MASKED***`."""

    query_params = serializers.DictField(allow_null=True)
    request_headers = serializers.DictField(allow_null=True)
    request_body = serializers.CharField(allow_null=True)
    response_headers = serializers.DictField(allow_null=True)
    response_body = serializers.CharField(allow_null=True)
    source_ip = serializers.CharField(allow_null=True)
    event_id = serializers.CharField(allow_null=True)
    request_bytes = serializers.IntegerField(allow_null=True, help_text="The body's size as it was sent.")
    response_bytes = serializers.IntegerField(allow_null=True, help_text="The body's size as it was sent.")
    request_truncated = serializers.BooleanField(help_text="Whether the body was cut to the limit.")
    response_truncated = serializers.BooleanField(help_text="Whether the body was cut to the limit.")


class SearchLogs(GenericAPIView[RequestLog]):
    filter_backends = [LogFilterBackend]
    serializer_class = FoundLogSerializer
    pagination_class = KeysetPagination
    filterset_class = LogFilter
    queryset = RequestLog.objects.none()

    def get_queryset(self) -> QuerySet[RequestLog]:
        return RequestLog.objects.visible_to(actor_of(self.request)).with_names().newest_first()

    @extend_schema(summary="Search logs, newest first", responses=FoundLogSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class LogView(IdsInPath, APIView):
    @extend_schema(summary="Get a log with headers and bodies", responses=LogDetailSerializer)
    def get(self, request: Request, log_id: UUID) -> Response:
        log = reach_log(actor_of(request), log_id, Scope.READ)
        return Response(LogDetailSerializer(read_detail(log)).data)
