"""/v1/monitors/test: what a check would find, before it is saved."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.permissions import require
from monitor.lib.actors import Scope
from monitor.monitors.looking import look_once
from monitor.monitors.reach import reach_monitor, reach_proxy
from monitor.monitors.serializers import KINDS, ConfigField, as_invalid
from monitor.monitors.words import PHASES
from monitor.probing import BadConfig, Finding


class TestSerializer(serializers.Serializer[Any]):
    """A monitor as it would be saved."""

    __test__ = False  # pytest takes classes of this name for tests

    kind = serializers.ChoiceField(choices=KINDS)
    config = ConfigField()
    timeout_s = serializers.IntegerField(default=20, min_value=1, max_value=60)
    monitor_id = serializers.UUIDField(
        required=False, help_text="The monitor that masked secrets are taken from."
    )
    proxy_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The proxy to go through; left out: the monitor's."
    )


class FindingSerializer(serializers.Serializer[Any]):
    outcome = serializers.CharField(help_text="ok, slow, failed, or unknown: we could not look.")
    message = serializers.CharField()
    response_ms = serializers.FloatField(allow_null=True)
    phases_ms = serializers.DictField(child=serializers.FloatField(allow_null=True))
    certificate_until = serializers.DateTimeField(allow_null=True)
    detail = serializers.DictField()


class TestView(APIView):
    """One look, kept nowhere. Whoever may make monitors may do it: it goes where they could send one."""

    limited_as = {"POST": "tests"}
    __test__ = False
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="Look once, before saving",
        request=TestSerializer,
        responses=FindingSerializer,
        operation_id="monitors_test",
    )
    def post(self, request: Request) -> Response:
        form = TestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        actor = actor_of(request)
        require(actor, Scope.MANAGE)
        monitor_id = asked.get("monitor_id")
        monitor = reach_monitor(actor, monitor_id, Scope.MANAGE) if monitor_id else None
        try:
            proxy = monitor.proxy if monitor is not None else None
            if "proxy_id" in asked:
                proxy = reach_proxy(actor, asked["proxy_id"])
            found = look_once(
                asked["kind"], asked["config"], timeout_s=asked["timeout_s"], monitor=monitor, proxy=proxy
            )
        except BadConfig as error:
            raise as_invalid(error) from None
        return Response(as_answer(found))


def as_answer(found: Finding) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "message": found.message,
        "response_ms": found.response_ms,
        "phases_ms": dict(zip(PHASES, found.phases.listed(), strict=True)) if found.phases else {},
        "certificate_until": found.certificate_until,
        "detail": dict(found.detail),
    }
