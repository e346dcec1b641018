"""/v1/alerts/backtest: when a rule would have fired, saved or not; and how an objective stands."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.alerts.api import AlertRuleSerializer, reach_rule
from monitor.alerts.backtest import CannotTry, back_test
from monitor.alerts.conditions import BadCondition
from monitor.alerts.objectives import objective_now
from monitor.alerts.trial import BackTest, extremes
from monitor.api.authentication import actor_of
from monitor.api.errors import TooMuchToRead
from monitor.api.paths import IdsInPath
from monitor.api.permissions import reach_service
from monitor.lib.actors import Scope
from monitor.lib.time_limit import TookTooLong
from monitor.metrics import TooMuchToCount
from monitor.metrics.tiles import floor
from monitor.models import AlertRule
from monitor.models.alerts import RuleKind

HOUR = timedelta(hours=1)


class TriedRuleSerializer(AlertRuleSerializer):
    """A rule as `POST /v1/alerts` takes it; it needs no name."""

    name = serializers.CharField(max_length=128, default="draft")


class FiringSerializer(serializers.Serializer[Any]):
    group = serializers.CharField(help_text="Empty for the whole; for news, what was new.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True, help_text="Null: it would still fire.")
    value = serializers.FloatField(
        allow_null=True, help_text="The worst; of kind `log` how many matched; of `slo` the burn rate."
    )


class TriedHourSerializer(serializers.Serializer[Any]):
    group = serializers.CharField()
    start = serializers.DateTimeField()
    value = serializers.FloatField(allow_null=True, help_text="The worst of the hour.")
    low = serializers.FloatField(allow_null=True, help_text="Of kind `baseline`: what was usual.")
    high = serializers.FloatField(allow_null=True)


class BackTestSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    step_s = serializers.IntegerField(help_text="Judged this often; the rounds judge every minute.")
    is_shortened = serializers.BooleanField(help_text="Two days, as seven were too many requests to count.")
    more_groups = serializers.IntegerField(help_text="So many beside the 20 busiest were left out.")
    sentence = serializers.CharField()
    firings = FiringSerializer(many=True, help_text="Newest first.")
    hours = TriedHourSerializer(many=True, help_text="Of each group, oldest first.")


class BackTestView(GenericAPIView[AlertRule]):
    serializer_class = TriedRuleSerializer
    filter_backends = ()
    scopes = {"POST": Scope.READ}
    problems = {"POST": ["404", "422"]}

    @extend_schema(
        summary="Try a rule: when it would have fired in the last 7 days. Nothing is saved",
        responses={200: BackTestSerializer},
    )
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = dict(serializer.validated_data)
        service = reach_service(actor_of(request), said.pop("service_id"), Scope.READ)
        return Response(answer_for(AlertRule(service=service, **said)))


class SavedBackTestView(IdsInPath, GenericAPIView[AlertRule]):
    serializer_class = BackTestSerializer
    pagination_class = None
    filter_backends = ()
    problems = {"GET": ["422"]}

    @extend_schema(
        summary="When would this rule have fired in the last 7 days?", responses=BackTestSerializer
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        return Response(answer_for(reach_rule(actor_of(request), alert_id, Scope.READ)))


def answer_for(rule: AlertRule) -> Any:
    """The back-test as it is answered. Raises ValidationError and TooMuchToRead."""
    try:
        tested = back_test(rule, now=timezone.now())
    except CannotTry as error:
        raise ValidationError({"kind": str(error)}) from None
    except BadCondition as error:
        raise ValidationError({error.field: str(error)}) from None
    except TooMuchToCount as error:
        raise TooMuchToRead(str(error)) from None
    return BackTestSerializer(facts_of(rule, tested)).data


def facts_of(rule: AlertRule, tested: BackTest) -> dict[str, Any]:
    starts = list(hours_between(tested.since, tested.until))
    return {
        "since": tested.since,
        "until": tested.until,
        "step_s": int(tested.step.total_seconds()),
        "is_shortened": tested.is_shortened,
        "more_groups": tested.more,
        "sentence": rule.condition,
        "firings": tested.firings,
        "hours": [
            {
                "group": group,
                "start": start,
                "value": worst and worst.value,
                "low": worst and worst.band and worst.band.low,
                "high": worst and worst.band and worst.band.high,
            }
            for group, points in tested.points.items()
            for start, worst in zip(starts, extremes(rule, points, starts, HOUR), strict=True)
        ],
    }


def hours_between(since: datetime, until: datetime) -> list[datetime]:
    first = floor(since, HOUR)
    return [first + number * HOUR for number in range(-(-(until - first) // HOUR))]


class BurnSerializer(serializers.Serializer[Any]):
    group = serializers.CharField(source="pair.group", help_text="`fast` or `slow`.")
    long_s = serializers.SerializerMethodField()
    short_s = serializers.SerializerMethodField()
    long = serializers.FloatField(help_text="1 uses the budget up in just the period.")
    short = serializers.FloatField()
    fires_at = serializers.FloatField(source="pair.rate", help_text="When both burn at least so fast.")
    is_too_fast = serializers.BooleanField()

    def get_long_s(self, burn: Any) -> int:
        return int(burn.pair.long.total_seconds())

    def get_short_s(self, burn: Any) -> int:
        return int(burn.pair.short.total_seconds())


class BudgetSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(source="budget.since")
    until = serializers.DateTimeField(source="budget.until")
    requests = serializers.IntegerField(source="budget.requests")
    missed = serializers.FloatField(source="budget.bad", help_text="Failed, or slower than the limit.")
    allowed = serializers.FloatField(source="budget.allowed", help_text="As many may miss the objective.")
    left = serializers.FloatField(
        source="budget.left",
        allow_null=True,
        help_text="1: all of it; below 0: overdrawn; null: no requests.",
    )
    burns = BurnSerializer(many=True)


class GroupBudgetSerializer(BudgetSerializer):
    group = serializers.CharField(source="name", help_text="The endpoint, consumer or environment.")


class ObjectiveSerializer(BudgetSerializer):
    """Of all requests of the objective, and of each group that it is judged by, what is left least first."""

    groups = GroupBudgetSerializer(many=True)


class BudgetView(IdsInPath, GenericAPIView[AlertRule]):
    serializer_class = ObjectiveSerializer
    pagination_class = None
    filter_backends = ()
    problems = {"GET": ["422"]}

    @extend_schema(
        summary="Get what is left of an objective's budget (kind `slo`)", responses=ObjectiveSerializer
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        rule = reach_rule(actor_of(request), alert_id, Scope.READ)
        if rule.kind != RuleKind.SLO:
            raise Http404("Only objectives have a budget.")
        try:
            objective = objective_now(rule, now=timezone.now())
        except TookTooLong as error:
            raise TooMuchToRead(str(error)) from None
        return Response(self.get_serializer(objective).data)
