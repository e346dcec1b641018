"""GET /v1/metrics."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

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
from monitor.metrics.answer import (
    Group,
    Groups,
    PercentileMethod,
    Series,
    Told,
    TooMuchToCount,
    groups_for,
    measure_for,
    series_for,
)
from monitor.metrics.gather import Gathered
from monitor.metrics.numbers import Numbers
from monitor.metrics.question import GroupBy, Question, ask
from monitor.metrics.series import Bucket
from monitor.models import RequestLog, Service
from monitor.search import LogFilter, refusal

INTERVALS = {"minute": 60, "hour": 3600, "day": 86_400}
MAX_STEPS = 2000
MAX_PERCENTILES = 10
MAX_GROUPS = 1000
USUAL_PERCENTILES = ("50", "95", "99")


class IntervalField(serializers.Field[timedelta, str, str, Any]):
    """`minute`, `hour`, `day`, or whole seconds."""

    def to_internal_value(self, data: str) -> timedelta:
        seconds = INTERVALS.get(data) or (
            int(data) if data.isascii() and data.isdigit() and len(data) < 9 else 0
        )
        if not seconds:
            raise serializers.ValidationError("Give minute, hour, day, or a whole number of seconds.")
        return timedelta(seconds=seconds)


class PercentilesField(serializers.Field[list[str], str, str, Any]):
    """Numbers from 0 to 100, separated by commas; as they are written in the answer."""

    def to_internal_value(self, data: str) -> list[str]:
        try:
            ranks = [float(word) for word in data.split(",")]
        except ValueError:
            ranks = [-1.0]
        if not all(0 <= rank <= 100 for rank in ranks) or len(ranks) > MAX_PERCENTILES:
            raise serializers.ValidationError(
                f"Give up to {MAX_PERCENTILES} numbers from 0 to 100, separated by commas."
            )
        return [f"{rank:.10g}" for rank in ranks]


class AskedSerializer(serializers.Serializer[Any]):
    """What is asked for beside the filters."""

    interval = IntervalField(required=False)
    group_by = serializers.ChoiceField(choices=[each.value for each in GroupBy], required=False)
    percentiles = PercentilesField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_GROUPS, default=20)


class StepSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    total_requests = serializers.IntegerField()
    error_count = serializers.IntegerField()
    by_status_class = serializers.DictField(child=serializers.IntegerField())
    request_bytes = serializers.IntegerField()
    response_bytes = serializers.IntegerField()
    avg_latency_ms = serializers.FloatField(allow_null=True)
    p50_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(allow_null=True)
    p99_latency_ms = serializers.FloatField(allow_null=True)
    percentiles = serializers.DictField(child=serializers.FloatField(allow_null=True), required=False)


class GroupSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="As the filter takes it; empty where there is none.")
    name = serializers.CharField(help_text="For people.")
    total_requests = serializers.IntegerField()
    error_count = serializers.IntegerField()
    error_rate = serializers.FloatField()
    request_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    response_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    avg_latency_ms = serializers.FloatField(allow_null=True)
    p50_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(allow_null=True)
    p99_latency_ms = serializers.FloatField(allow_null=True)
    percentiles = serializers.DictField(child=serializers.FloatField(allow_null=True), required=False)


class MeasurementSerializer(serializers.Serializer[Any]):
    """Zeros and nulls when nothing was logged. An error is error text, or a status of 500 and above."""

    total_requests = serializers.IntegerField()
    error_count = serializers.IntegerField()
    error_rate = serializers.FloatField(help_text="Errors for each request, 0 to 1.")
    avg_latency_ms = serializers.FloatField(allow_null=True)
    p50_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(
        allow_null=True, help_text="Interpolated as percentile_cont(0.95) does; see p95_method."
    )
    p99_latency_ms = serializers.FloatField(allow_null=True)
    request_bytes = serializers.IntegerField(help_text="Of all bodies, as they were sent.")
    response_bytes = serializers.IntegerField(help_text="Of all bodies, as they were sent.")
    avg_request_bytes = serializers.FloatField(
        allow_null=True, help_text="Of the requests that told the size of their body; null where none did."
    )
    avg_response_bytes = serializers.FloatField(allow_null=True)
    request_sized = serializers.IntegerField(help_text="Requests that told the size of their body.")
    response_sized = serializers.IntegerField(help_text="Requests that told the size of their answer's body.")
    is_sized = serializers.BooleanField(
        help_text="False where some numbers, of older versions or clients, do not tell how many told a size:"
        " these then count as if all had, and the averages are too low."
    )
    by_method = serializers.DictField(child=serializers.IntegerField())
    by_status = serializers.DictField(
        child=serializers.IntegerField(), help_text="Requests by status code; `none` where none was reported."
    )
    p95_method = serializers.ChoiceField(
        choices=list(get_args(PercentileMethod)),
        help_text="`exact`: from every log, up to 25,000. `histogram`: within 0.54 % of the latencies.",
    )
    source = serializers.ChoiceField(  # type: ignore[assignment] # the member's name
        choices=list(get_args(Told)),
        help_text="Who counted: we, from the logs; clients that send their own counts, to the minute and "
        "never added to logs of the same service, environment and day; or each of them some of it.",
    )
    since = serializers.DateTimeField(help_text="The window that was measured begins here.")
    until = serializers.DateTimeField(help_text="It ends before this.")
    percentiles = serializers.DictField(
        child=serializers.FloatField(allow_null=True), required=False, help_text="With `percentiles`."
    )
    series_p95_method = serializers.ChoiceField(choices=list(get_args(PercentileMethod)), required=False)
    series = StepSerializer(
        many=True, required=False, help_text="With `interval`: steps, empty ones included."
    )
    groups_p95_method = serializers.ChoiceField(choices=list(get_args(PercentileMethod)), required=False)
    groups = GroupSerializer(many=True, required=False, help_text="With `group_by`: the busiest first.")
    more_groups = serializers.IntegerField(required=False, help_text="Groups beyond `limit`.")


def ranks_of(percentiles: Sequence[str]) -> list[float]:
    return [float(each) / 100 for each in percentiles]


def named(percentiles: Sequence[str], numbers: Numbers) -> dict[str, float | None]:
    return dict(zip(percentiles, numbers.percentiles_ms, strict=True))


class MetricsView(GenericAPIView[RequestLog]):
    filterset_class = LogFilter
    problems = {"GET": ("422",)}
    pagination_class = None
    queryset = RequestLog.objects.none()
    serializer_class = MeasurementSerializer

    @extend_schema(
        summary="Measure the requests that the filters leave",
        responses={200: MeasurementSerializer},
        parameters=[
            OpenApiParameter(
                "interval",
                OpenApiTypes.STR,
                description="Adds `series`, in steps of a `minute`, `hour`, `day`, or so many seconds.",
            ),
            OpenApiParameter(
                "group_by",
                OpenApiTypes.STR,
                enum=[each.value for each in GroupBy],
                description="Adds `groups`.",
            ),
            OpenApiParameter(
                "percentiles",
                OpenApiTypes.STR,
                description="Adds `percentiles`: up to 10 numbers from 0 to 100, separated by commas.",
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_GROUPS, "default": 20},
                description="Groups to show.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        asked = AskedSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        question = self.question(now)
        try:
            found = numbers_for(question, asked.validated_data)
        except TooMuchToCount as error:
            raise TooMuchToRead(str(error)) from None
        steps_and_groups = {name: found.pop(name) for name in ("series", "groups") if name in found}
        return Response(MeasurementSerializer(found).data | steps_and_groups)

    def question(self, now: datetime) -> Question:
        """What the filters ask. Raises ValidationError."""
        visible = Service.objects.visible_to(actor_of(self.request))
        service_ids = list(visible.values_list("id", flat=True))
        logs = RequestLog.objects.of_services(service_ids)
        filterset: LogFilter = DjangoFilterBackend().get_filterset(self.request, logs, self)
        if not filterset.is_valid():
            raise refusal(filterset)
        return ask(service_ids=service_ids, asked=filterset, now=now)


def numbers_for(question: Question, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer's members. Raises TooMuchToCount, and ValidationError for too many steps."""
    percentiles: list[str] = asked.get("percentiles", [])
    parts: dict[str, Any] = {}
    whole: Gathered | None = None
    if "interval" in asked:
        series = steps_of(question, asked["interval"], percentiles)
        whole = series.whole
        parts |= series_members(question, series, percentiles)
    if "group_by" in asked:
        ranks = ranks_of([*USUAL_PERCENTILES, *percentiles])
        groups = groups_for(
            question, by=GroupBy(asked["group_by"]), ranks=ranks, limit=asked["limit"], with_answers=False
        )
        whole = whole or groups.whole
        parts |= group_members(groups, percentiles)
    measurement, numbers = measure_for(question, ranks=ranks_of(percentiles), whole=whole)
    found = asdict(measurement)
    found |= {"since": question.since, "until": question.until}
    if percentiles:
        found["percentiles"] = named(percentiles, numbers)
    return found | parts


def steps_of(question: Question, step: timedelta, percentiles: Sequence[str]) -> Series:
    if (question.until - question.since) / step > MAX_STEPS:
        raise serializers.ValidationError(
            {"interval": f"This window has more than {MAX_STEPS:,} such steps: choose longer ones."}
        )
    return series_for(question, step=step, ranks=ranks_of(percentiles))


def series_members(question: Question, series: Series, percentiles: Sequence[str]) -> dict[str, Any]:
    steps = [
        step_members(bucket, numbers, percentiles)
        for bucket, numbers in zip(series.buckets, series.numbers, strict=True)
    ]
    return {"series": steps[: shown_steps(series, question.now)], "series_p95_method": series.p95_method}


def shown_steps(series: Series, now: datetime) -> int:
    """All but the empty steps ahead of now, which are there for senders whose clocks are ahead."""
    return 1 + max(
        (index for index, bucket in enumerate(series.buckets) if bucket.total or bucket.start <= now),
        default=-1,
    )


def step_members(bucket: Bucket, numbers: Numbers, percentiles: Sequence[str]) -> dict[str, Any]:
    members = {
        # Plain values, as the serializer would make of them: it takes 40 us a step.
        "start": bucket.start.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "total_requests": bucket.total,
        "error_count": bucket.errors,
        "by_status_class": bucket.by_class,
        "request_bytes": numbers.request_bytes,
        "response_bytes": numbers.response_bytes,
        "avg_latency_ms": numbers.mean_ms,
        "p50_latency_ms": bucket.p50,
        "p95_latency_ms": bucket.p95,
        "p99_latency_ms": bucket.p99,
    }
    return members | ({"percentiles": named(percentiles, numbers)} if percentiles else {})


def group_members(groups: Groups, percentiles: Sequence[str]) -> dict[str, Any]:
    return {
        "groups": [one_group(group, percentiles) for group in groups.groups],
        "more_groups": groups.more,
        "groups_p95_method": groups.p95_method,
    }


def one_group(group: Group, percentiles: Sequence[str]) -> dict[str, Any]:
    numbers = group.numbers
    p50, p95, p99, *others = numbers.percentiles_ms
    members = {
        "value": group.value,
        "name": group.label,
        "total_requests": numbers.requests,
        "error_count": numbers.errors,
        "error_rate": numbers.error_rate,
        "request_bytes": numbers.request_bytes,
        "response_bytes": numbers.response_bytes,
        "avg_latency_ms": numbers.mean_ms,
        "p50_latency_ms": p50,
        "p95_latency_ms": p95,
        "p99_latency_ms": p99,
    }
    return members | ({"percentiles": dict(zip(percentiles, others, strict=True))} if percentiles else {})
