"""How an objective stands: what is left of its budget and how fast it burns, as a whole and by groups."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.alerts.asking import SHARED_LIMIT, Ask, asks_of
from monitor.alerts.burning import Budget, Burn, budget_of, burns_of, period_of
from monitor.alerts.kinds import detail_of
from monitor.alerts.usual import MAX_GROUPS
from monitor.lib.time_limit import time_limit
from monitor.metrics import WindowQuestion, read_windows
from monitor.metrics.answer import names_of
from monitor.metrics.cells import Cell
from monitor.metrics.question import GroupBy
from monitor.metrics.tiles import floor
from monitor.metrics.windows import Groups
from monitor.models import AlertRule
from monitor.models.alerts import Per


@dataclass(frozen=True, kw_only=True)
class ObjectiveNow:
    """Of the period that ends now. Pairs of windows without requests enough have no burn. `groups` are those
    that the rule is judged by, what is left least first; each has a name and no groups."""

    budget: Budget
    burns: Sequence[Burn]
    name: str = ""
    groups: Sequence["ObjectiveNow"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The questions of one objective: its period, and the windows that burn."""

    rule: AlertRule
    since: datetime
    ask: Ask

    @property
    def whole(self) -> WindowQuestion:
        return replace(next(iter(self.ask.by_length.values())), since=self.since)

    def told(self, answers: Mapping[WindowQuestion, Groups], key: str, name: str = "") -> ObjectiveNow:
        cells = {
            length: answers[question].get(key, Cell()) for length, question in self.ask.by_length.items()
        }
        budget = budget_of(
            self.rule, answers[self.whole].get(key, Cell()), since=self.since, until=self.ask.until
        )
        return ObjectiveNow(budget=budget, burns=burns_of(self.rule, cells), name=name)


def objective_now(rule: AlertRule, *, now: datetime) -> ObjectiveNow:
    """By one statement on rollups. Raises TookTooLong."""
    whole = asked_of(undivided(rule), now=now)
    parts = asked_of(rule, now=now) if rule.per else None
    asked = [each for each in (whole, parts) if each is not None]
    with time_limit(SHARED_LIMIT):
        answers = read_windows(
            [question for each in asked for question in (each.whole, *each.ask.by_length.values())], now=now
        )
    standing = whole.told(answers, "")
    return standing if parts is None else replace(standing, groups=groups_of(parts, answers))


def undivided(rule: AlertRule) -> AlertRule:
    """The same objective of all its requests together."""
    alone = copy(rule)
    alone.per = ""
    return alone


def asked_of(rule: AlertRule, *, now: datetime) -> Asked:
    until = floor(now, timedelta(minutes=1))
    (ask,) = asks_of([rule], until=until, details={rule.id: detail_of(rule)})
    return Asked(rule=rule, since=period_of(rule, until), ask=ask)


def groups_of(asked: Asked, answers: Mapping[WindowQuestion, Groups]) -> list[ObjectiveNow]:
    """The busiest of the period, as many as a rule has."""
    cells = answers[asked.whole]
    keys = [key for key in cells if key or asked.rule.per != Per.CONSUMER]
    keys = sorted(keys, key=lambda key: (-cells[key].requests, key))[:MAX_GROUPS]
    names = names_of(GroupBy(asked.rule.per), keys)
    groups = [asked.told(answers, key, names[key][1] or "(none)") for key in keys]
    return sorted(groups, key=lambda each: (1.0 if each.budget.left is None else each.budget.left, each.name))
