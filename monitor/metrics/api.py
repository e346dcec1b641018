"""GET /v1/metrics."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.metrics.measure import measure
from monitor.models import RequestLog
from monitor.search import LogFilter, LogFilterBackend


class MeasurementSerializer(serializers.Serializer[Any]):
    """Zeros and nulls when nothing was logged. An error is error text, or a status of 500 and above."""

    total_requests = serializers.IntegerField()
    error_count = serializers.IntegerField()
    error_rate = serializers.FloatField(help_text="Errors for each request, 0 to 1.")
    avg_latency_ms = serializers.FloatField(allow_null=True)
    p50_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(allow_null=True, help_text="percentile_cont(0.95), interpolated.")
    p99_latency_ms = serializers.FloatField(allow_null=True)
    by_method = serializers.DictField(child=serializers.IntegerField())
    by_status = serializers.DictField(
        child=serializers.IntegerField(), help_text="Requests by status code; `none` where none was reported."
    )


class MetricsView(GenericAPIView[RequestLog]):
    filter_backends = [LogFilterBackend]
    filterset_class = LogFilter
    pagination_class = None
    queryset = RequestLog.objects.none()
    serializer_class = MeasurementSerializer

    def get_queryset(self) -> QuerySet[RequestLog]:
        return RequestLog.objects.visible_to(actor_of(self.request))

    @extend_schema(summary="Measure the requests that the filters leave", responses=MeasurementSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeasurementSerializer(measure(self.filter_queryset(self.get_queryset()))).data)
