"""GET /v1/usage."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.export.as_csv import line
from monitor.models.keys import Mode
from monitor.models.usage import METRICS
from monitor.usage import flush_calls
from monitor.usage.asking import FORMATS, format_of, question_of
from monitor.usage.look import PARTS, Usage, look


class UsageSerializer(serializers.Serializer[Usage]):
    """What `group_by` does not name is null."""

    day = serializers.DateField(allow_null=True, help_text="In UTC.")
    organization = serializers.UUIDField(source="organization_id", allow_null=True)
    key_id = serializers.UUIDField(allow_null=True, help_text="null, too, for what came without a key.")
    key_name = serializers.CharField()
    mode = serializers.CharField(allow_null=True, help_text="live or test; empty for what people did.")
    logs = serializers.IntegerField(source="amounts.logs", help_text="Kept; repeats are none.")
    bytes = serializers.IntegerField(
        source="amounts.bytes", help_text="Of the bodies that these logs tell of, both ways."
    )
    requests = serializers.IntegerField(
        source="amounts.requests", help_text="Calls of this API, ingestion among them."
    )
    replays = serializers.IntegerField(source="amounts.replays")
    checks = serializers.IntegerField(source="amounts.checks", help_text="Of monitors.")
    deliveries = serializers.IntegerField(
        source="amounts.deliveries", help_text="Attempts to deliver webhooks."
    )


CSV_COLUMNS = ("day", "organization", "key_id", "key_name", "mode", *METRICS)


class UsageView(APIView):
    @extend_schema(
        summary="What was used, by day, organization, key and mode",
        description="Newest day first; days without use are left out. Logs, replays, checks and deliveries"
        " are exact; calls are counted some 5 seconds late. Kept for 400 days.",
        parameters=[
            OpenApiParameter("since", OpenApiTypes.DATE, description="First day. Left out: 30 days."),
            OpenApiParameter("until", OpenApiTypes.DATE, description="Not included. Left out: tomorrow."),
            OpenApiParameter(
                "group_by",
                {"type": "string", "pattern": f"^({'|'.join(PARTS)})(,({'|'.join(PARTS)}))*$"},
                description="Some of day, organization, key, mode, with commas. Left out: day.",
            ),
            OpenApiParameter("mode", OpenApiTypes.STR, enum=Mode.values),
            OpenApiParameter("key_id", OpenApiTypes.UUID),
            OpenApiParameter("organization", OpenApiTypes.UUID),
            OpenApiParameter("format", OpenApiTypes.STR, enum=list(FORMATS)),
        ],
        responses={
            (200, "application/json"): UsageSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        now = timezone.now()
        form = format_of(request.query_params)
        question = question_of(request.query_params, now=now)
        flush_calls(now=now)
        found: Any = look(question, actor_of(request))
        rows: Any = UsageSerializer(found, many=True).data
        if form == "json":
            return Response(rows)
        text = line(list(CSV_COLUMNS)) + "".join(line([row[name] for name in CSV_COLUMNS]) for row in rows)
        response = HttpResponse(text, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = (
            f'attachment; filename="usage-{question.since}-{question.until}.csv"'
        )
        return response
