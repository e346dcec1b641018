"""The log search: one FilterSet for the API and the pages, so that they agree."""

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet, TextField
from django.db.models.lookups import PatternLookup
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field

from monitor.lib.moments import parse_moment
from monitor.models import Consumer, RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.search.window import Window

STATUS_CLASSES = tuple((f"{first}xx", f"{first}xx") for first in range(1, 6))
BOOLEANS = (("true", "Yes"), ("false", "No"))


@TextField.register_lookup
class HoldsText(PatternLookup):
    """`column ILIKE '%text%'`, with the text's own wildcards taken literally.

    Django's icontains compares UPPER() of both sides, which a trigram index on the column cannot serve.
    """

    lookup_name = "holds"
    prepare_rhs = False

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"ILIKE {rhs}"

    def process_rhs(self, qn: Any, connection: Any) -> tuple[str, tuple[str, ...]]:
        escaped = str(self.rhs).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return "%s", (f"%{escaped}%",)


class MomentField(forms.CharField):
    """An RFC 3339 moment or Unix seconds."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_moment(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]})
class MomentFilter(django_filters.Filter):
    field_class = MomentField


class FlagField(django_filters.fields.ChoiceField):
    """`true` or `false` in any case: Python's clients write True."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class FlagFilter(django_filters.ChoiceFilter):
    field_class = FlagField


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": 999})
class StatusCodeFilter(django_filters.Filter):
    field_class = forms.IntegerField


@extend_schema_field({"type": "number", "minimum": 0})
class LatencyFilter(django_filters.Filter):
    field_class = forms.FloatField


class LogFilter(django_filters.FilterSet):
    """Every filter narrows; together they mean AND. Without `since` and `until`, all that is kept."""

    service_id = django_filters.UUIDFilter(label="Service")
    endpoint_id = django_filters.UUIDFilter(label="Endpoint")
    method = django_filters.CharFilter(method="by_method", label="Method", max_length=16)
    path = django_filters.CharFilter(lookup_expr="holds", label="Path contains", max_length=2048)
    status_code = StatusCodeFilter(label="Status code", min_value=0, max_value=999)
    status_class = django_filters.ChoiceFilter(
        method="by_status_class", label="Status class", choices=STATUS_CLASSES
    )
    min_latency_ms = LatencyFilter(
        field_name="latency_ms", lookup_expr="gte", label="Latency from (ms)", min_value=0
    )
    max_latency_ms = LatencyFilter(
        field_name="latency_ms", lookup_expr="lte", label="Latency to (ms)", min_value=0
    )
    has_error = FlagFilter(method="by_error", label="Has error text", choices=BOOLEANS)
    tag = django_filters.CharFilter(method="by_tag", label="Tag", max_length=128)
    environment = django_filters.CharFilter(label="Environment", max_length=64)
    consumer = django_filters.CharFilter(method="by_consumer", label="Consumer", max_length=128)
    trace_id = django_filters.CharFilter(label="Trace id", max_length=64)
    since = MomentFilter(method="in_window", label="Since")
    until = MomentFilter(method="in_window", label="Until")

    class Meta:
        model = RequestLog
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        window = self.window()
        filtered: RequestLogQuerySet = super().filter_queryset(queryset)
        return filtered.within(window.since, window.until)

    def window(self, *, now: datetime | None = None) -> Window:
        """The window that was asked for. Only after `is_valid()`."""
        asked = self.form.cleaned_data
        return Window.of(asked.get("since"), asked.get("until"), now=now or timezone.now())

    def in_window(self, queryset: QuerySet[RequestLog], name: str, value: datetime) -> QuerySet[RequestLog]:
        """Both ends are taken together, in filter_queryset."""
        return queryset

    def by_method(self, queryset: QuerySet[RequestLog], name: str, value: str) -> QuerySet[RequestLog]:
        return queryset.filter(method=value.upper())

    def by_status_class(self, queryset: QuerySet[RequestLog], name: str, value: str) -> QuerySet[RequestLog]:
        first = int(value[0]) * 100
        return queryset.filter(status_code__gte=first, status_code__lt=first + 100)

    def by_error(self, queryset: QuerySet[RequestLog], name: str, value: str) -> QuerySet[RequestLog]:
        return queryset.filter(error__isnull=value == "false")

    def by_tag(self, queryset: QuerySet[RequestLog], name: str, value: str) -> QuerySet[RequestLog]:
        return queryset.filter(tags__contains=[value])

    def by_consumer(self, queryset: QuerySet[RequestLog], name: str, value: str) -> QuerySet[RequestLog]:
        return queryset.filter(consumer_id__in=Consumer.objects.filter(identifier=value).values("id"))
