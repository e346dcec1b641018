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
from monitor.api.paths import IdsInPath
from monitor.api.rows import LogRowSerializer
from monitor.lib.actors import Scope
from monitor.models import RequestLog
from monitor.search.backend import LogFilterBackend
from monitor.search.detail import reach_log, read_detail
from monitor.search.filters import TextLogFilter, refusal
from monitor.search.finding import Search
from monitor.search.found import as_found, members_of
from monitor.search.paging import SEARCH_COMPLETE, SearchPagination


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
    span_id = serializers.CharField(allow_null=True)
    parent_span_id = serializers.CharField(allow_null=True)
    request_bytes = serializers.IntegerField(allow_null=True, help_text="The body's size as it was sent.")
    response_bytes = serializers.IntegerField(allow_null=True, help_text="The body's size as it was sent.")
    request_truncated = serializers.BooleanField(help_text="Whether the body was cut to the limit.")
    response_truncated = serializers.BooleanField(help_text="Whether the body was cut to the limit.")


class SearchLogs(GenericAPIView[RequestLog]):
    serializer_class = FoundLogSerializer
    pagination_class = SearchPagination
    filter_backends = [LogFilterBackend]
    filterset_class = TextLogFilter
    queryset = RequestLog.objects.none()
    problems = {"GET": ("422",)}

    def get_queryset(self) -> QuerySet[RequestLog]:
        return RequestLog.objects.visible_to(actor_of(self.request)).newest_first()

    @extend_schema(
        summary="Search logs, newest first",
        description="A search that takes longer than a reader waits answers with what it found: see"
        " `X-Search-Complete`; `Link` then continues from where it came to. docs/search.md tells of `q`.",
        responses=FoundLogSerializer(many=True),
        parameters=[SEARCH_COMPLETE],
    )
    def get(self, request: Request) -> Response:
        filterset = asked_of(self, request)
        search = Search(logs=as_found(filterset.qs), window=filterset.window(), phrases=filterset.phrases)
        paginator = SearchPagination()
        rows = paginator.paginate_search(search, request)
        return paginator.get_paginated_response([members_of(row) for row in rows])


def asked_of(view: GenericAPIView[RequestLog], request: Request) -> TextLogFilter:
    """The filters that the request's parameters set. Raises what the API answers to bad ones."""
    filterset = TextLogFilter(request.query_params, queryset=view.get_queryset(), request=request)
    if not filterset.is_valid():
        raise refusal(filterset)
    return filterset


class LogView(IdsInPath, APIView):
    @extend_schema(summary="Get a log with headers and bodies", responses=LogDetailSerializer)
    def get(self, request: Request, log_id: UUID) -> Response:
        log = reach_log(actor_of(request), log_id, Scope.READ)
        return Response(LogDetailSerializer(read_detail(log)).data)
