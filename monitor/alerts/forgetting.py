"""Let the name of a forgotten consumer, or of a route that spelled it, go from rules, groups and what they
told."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.functions import Replace

from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule
from monitor.models.alerts import Per


def forget_names(organization_id: UUID, names: Collection[str], *, instead: str) -> None:
    """Put another name in the place of these, in the caller's transaction: the states and numbers stay."""
    for name in names:
        concerned = AlertRule.objects.filter(
            Q(consumer=name) | Q(per=Per.CONSUMER), service__organization=organization_id
        )
        ids = list(concerned.values_list("id", flat=True))
        if not ids:
            continue
        AlertEvaluation.objects.filter(rule_id__in=ids, group=name).update(group=instead)
        AlertGroup.objects.filter(rule__in=ids, label=name).update(label=instead)
        told = AlertEvent.objects.filter(rule__in=ids, log_id=None, message__contains=name)
        told.update(message=Replace(F("message"), Value(name), Value(instead)))
        AlertEvent.objects.filter(rule__in=ids, group=name).update(group=instead)
        concerned.filter(consumer=name).update(consumer=instead)


def forget_route(service_id: UUID, route: str, *, instead: str) -> None:
    """Put another route in the place of this in the groups of rules that are judged per endpoint."""
    ids = list(AlertRule.objects.filter(service=service_id, per=Per.ENDPOINT).values_list("id", flat=True))
    if not ids:
        return
    AlertEvaluation.objects.filter(rule_id__in=ids, group=route).update(group=instead)
    AlertGroup.objects.filter(rule__in=ids, label=route).update(label=instead)
    told = AlertEvent.objects.filter(rule__in=ids, message__contains=route)
    told.update(message=Replace(F("message"), Value(route), Value(instead)))
    AlertEvent.objects.filter(rule__in=ids, group=route).update(group=instead)
