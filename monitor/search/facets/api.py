"""GET /v1/logs/facets."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.paging import whole_number
from monitor.models import RequestLog, Service
from monitor.search.backend import LogFilterBackend
from monitor.search.facets.counting import FIELDS, Asking, Facet, count_facets
from monitor.search.filters import TextLogFilter, refusal
from monitor.search.language import Field

USUAL_VALUES = 20
MAX_VALUES = 500
NAMES = [field.value for field in FIELDS]


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="As `q` takes it for the field.")
    name = serializers.CharField(help_text="For people.")
    count = serializers.IntegerField()
    only = serializers.CharField(help_text="What to add to `q` for this alone.")
    without = serializers.CharField(help_text="What to add to `q` for all but this.")


class FacetSerializer(serializers.Serializer[Any]):
    """The values of a field in what the search finds, the most frequent first; status classes in order."""

    field = serializers.ChoiceField(choices=NAMES)
    is_complete = serializers.BooleanField(
        source="coverage.is_complete",
        help_text="Whether all that matches was counted. If not, the newest `logs` were, back to `reached`.",
    )
    logs = serializers.IntegerField(source="coverage.logs", help_text="Matching logs that were counted.")
    reached = serializers.DateTimeField(source="coverage.reached")
    values = FacetValueSerializer(many=True)
    more_values = serializers.IntegerField(source="more", help_text="Values beyond `limit`.")
    missing = serializers.IntegerField(help_text="Logs that have no value.")


class FacetsSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(help_text="The window that was counted begins here.")
    until = serializers.DateTimeField(help_text="It ends before this.")
    facets = FacetSerializer(many=True)


class FacetsView(GenericAPIView[RequestLog]):
    serializer_class = FacetsSerializer
    pagination_class = None
    filter_backends = [LogFilterBackend]
    filterset_class = TextLogFilter
    queryset = RequestLog.objects.none()

    @extend_schema(
        summary="Count what a search finds, value by value",
        description="For the same filters as `GET /v1/logs`. Counts are those of all matching logs where"
        " rollups can tell, and of the newest where they cannot: tags, and searches by path, latency, trace,"
        " error or quoted text. Each facet says which.",
        responses={200: FacetsSerializer},
        parameters=[
            OpenApiParameter(
                "fields",
                OpenApiTypes.STR,
                description=f"Separated by commas: {', '.join(NAMES)}. All by default.",
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_VALUES, "default": USUAL_VALUES},
                description="Values of each field.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        visible = Service.objects.visible_to(actor_of(request)).with_retention()
        services = list(visible.order_by("name"))
        logs = RequestLog.objects.of_services([service.id for service in services])
        filterset = TextLogFilter(request.query_params, queryset=logs, request=request)
        if not filterset.is_valid():
            raise refusal(filterset)
        fields = fields_in(request.query_params.get("fields"))
        limit = whole_number(request.query_params, "limit", USUAL_VALUES, least=1, most=MAX_VALUES)
        asking = Asking(filter=filterset, services=services, now=timezone.now())
        facets: list[Facet] = count_facets(asking, fields=fields, limit=limit)
        window = asking.window
        found = {"since": window.since, "until": window.until, "facets": facets}
        return Response(FacetsSerializer(found).data)


def fields_in(text: str | None) -> list[Field]:
    """The fields that are named, in our order. Raises ValidationError."""
    names = text.split(",") if text else NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        raise ValidationError({"fields": f"Give some of {', '.join(NAMES)}, separated by commas."})
    return [field for field in FIELDS if field.value in names]
