"""GET /v1/endpoints."""

from typing import Any

from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.errors import TooMuchToRead
from monitor.api.ranked import RankedPagination
from monitor.endpoints.filters import EndpointFilter
from monitor.endpoints.ranking import Order, rank, with_last_seen
from monitor.metrics import TooMuchToCount, ask
from monitor.models import RequestLog, Service
from monitor.search.filters import refusal

DIRECTIONS = ("desc", "asc")


class EndpointSerializer(serializers.Serializer[Any]):
    """An endpoint and its numbers in the window. An error is error text, or a status of 500 and above."""

    id = serializers.UUIDField()
    service_id = serializers.UUIDField(source="endpoint.service_id")
    method = serializers.CharField(source="endpoint.method")
    route = serializers.CharField(source="endpoint.route")
    requests = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment] # the member's name
    request_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    response_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    error_rate = serializers.FloatField(help_text="Errors for each request, 0 to 1.")
    share = serializers.FloatField(help_text="Of all requests in the window, 0 to 1.")
    p50_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(allow_null=True)
    impact_ms = serializers.FloatField(help_text="Requests times p95.")
    first_seen_at = serializers.DateTimeField(source="endpoint.first_seen_at")
    last_seen_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Of all time; null when never called. Once its logs are gone, the day it was called last.",
    )


class OrderSerializer(serializers.Serializer[Any]):
    sort = serializers.ChoiceField(choices=[each.value for each in Order], default=Order.IMPACT.value)
    order = serializers.ChoiceField(choices=DIRECTIONS, required=False)

    @property
    def asked(self) -> tuple[Order, bool]:
        """What to sort by, and whether the other way round. Raises ValidationError."""
        self.is_valid(raise_exception=True)
        order = Order(self.validated_data["sort"])
        usual = "asc" if order == Order.ROUTE else "desc"
        return order, self.validated_data.get("order", usual) != usual


class EndpointsView(GenericAPIView[RequestLog]):
    serializer_class = EndpointSerializer
    pagination_class = RankedPagination
    filterset_class = EndpointFilter
    problems = {"GET": ("422",)}
    queryset = RequestLog.objects.none()

    @extend_schema(
        summary="List endpoints by what they cost",
        description="Those without a request in the window have zeros and nulls.",
        responses=EndpointSerializer(many=True),
        parameters=[
            OpenApiParameter("sort", OpenApiTypes.STR, enum=[each.value for each in Order], default="impact"),
            OpenApiParameter(
                "order",
                OpenApiTypes.STR,
                enum=DIRECTIONS,
                description="`desc` for numbers and `asc` for `route`, unless it is given.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        order, reverse = OrderSerializer(data=request.query_params.dict()).asked
        visible = Service.objects.visible_to(actor_of(request))
        service_ids = list(visible.values_list("id", flat=True))
        logs = RequestLog.objects.of_services(service_ids)
        filterset: EndpointFilter = DjangoFilterBackend().get_filterset(request, logs, self)
        if not filterset.is_valid():
            raise refusal(filterset)
        question = ask(service_ids=service_ids, asked=filterset, now=now)
        try:
            rows = rank(question, order=order, reverse=reverse)
        except TooMuchToCount as error:
            raise TooMuchToRead(str(error)) from None
        page = with_last_seen(self.paginate_queryset(rows) or [], now=now)
        return self.get_paginated_response(EndpointSerializer(page, many=True).data)
