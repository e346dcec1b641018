"""How rules stand as a whole, and how they begin anew when they change."""

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from monitor.alerts.definitions import DEFAULTS
from monitor.alerts.ending import forget_groups
from monitor.models import AlertGroup, AlertRule
from monitor.models.alert_groups import WORST_FIRST, GroupState

Rules = TypeVar("Rules", bound=QuerySet[AlertRule])
# A rule that is asked the same goes on; its incidents with it.
WAITING = frozenset({"for_s"})


def with_states(rules: Rules) -> Rules:
    """Adds `group_states`, each state that any group of the rule is in."""
    groups = AlertGroup.objects.filter(rule=OuterRef("pk"))
    return rules.annotate(group_states=ArraySubquery(groups.order_by().values("state").distinct()))


def state_of(rule: AlertRule) -> str | None:
    """The worst state of its groups; null for rules of single logs. `with_states` spares it a query."""
    if not rule.is_of_windows:
        return None
    if rule.last_error:
        return GroupState.ERROR.value
    states: Collection[str] | None = getattr(rule, "group_states", None)
    if states is None:
        states = set(rule.groups.values_list("state", flat=True))
    return next((state.value for state in WORST_FIRST if state in states), GroupState.OK.value)


def begin_anew(rule: AlertRule, changed: Collection[str], *, now: datetime) -> None:
    """Forget how the groups stood if what they are judged by was changed, or if they are judged no more."""
    if not rule.is_of_windows:
        return
    if not rule.is_active:
        forget_groups(rule, "the rule was paused", now=now)
    elif (set(changed) & set(DEFAULTS)) - WAITING:
        forget_groups(rule, "the rule was changed", now=now)
