"""The kinds of rules that look at windows: what each needs to know, and what it makes of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.alerts.measures import FROM_COUNTS, is_beyond, measured
from monitor.alerts.standing import Verdict
from monitor.metrics.cells import Cell
from monitor.models.alerts import AlertRule, RuleKind


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with what it was made from."""

    verdict: Verdict
    value: float | None
    requests: int


class Kind(Protocol):
    def needs_answers(self, rule: AlertRule) -> bool:
        """Whether counts of requests and errors are not enough."""

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        """What the rule says of these requests of its window."""


class Metric:
    """A measure above or below a threshold."""

    def needs_answers(self, rule: AlertRule) -> bool:
        return rule.measure not in FROM_COUNTS

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        found = measured(rule, cell)
        if found.value is None:
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.BREACH if is_beyond(rule, found.value) else Verdict.CALM
        return Judgement(verdict=verdict, value=found.value, requests=found.requests)


class Absence:
    """No request at all. One is enough to be calm, and nothing is never 'no data'."""

    def needs_answers(self, rule: AlertRule) -> bool:
        return False

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        verdict = Verdict.CALM if cell.requests else Verdict.BREACH
        return Judgement(verdict=verdict, value=float(cell.requests), requests=cell.requests)


KINDS: Mapping[str, Kind] = {RuleKind.METRIC: Metric(), RuleKind.ABSENCE: Absence()}
