"""How an objective stands: what is left of its budget, and how fast it burns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.alerts.asking import SHARED_LIMIT, asks_of
from monitor.alerts.burning import Budget, Burn, budget_of, burns_of, period_of
from monitor.alerts.kinds import detail_of
from monitor.lib.time_limit import time_limit
from monitor.metrics import read_windows
from monitor.metrics.cells import Cell
from monitor.metrics.tiles import floor
from monitor.models import AlertRule


@dataclass(frozen=True, kw_only=True)
class ObjectiveNow:
    """Of the period that ends now. Pairs of windows without requests enough have no burn."""

    budget: Budget
    burns: Sequence[Burn]


def objective_now(rule: AlertRule, *, now: datetime) -> ObjectiveNow:
    """By one statement on rollups. Raises TookTooLong."""
    until = floor(now, timedelta(minutes=1))
    (ask,) = asks_of([rule], until=until, details={rule.id: detail_of(rule)})
    since = period_of(rule, until)
    whole = replace(next(iter(ask.by_length.values())), since=since)
    with time_limit(SHARED_LIMIT):
        answers = read_windows([whole, *ask.by_length.values()], now=now)
    cells = {length: answers[question].get("", Cell()) for length, question in ask.by_length.items()}
    budget = budget_of(rule, answers[whole].get("", Cell()), since=since, until=until)
    return ObjectiveNow(budget=budget, burns=burns_of(rule, cells))
