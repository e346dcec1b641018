"""The kinds of rules that look at windows: what each needs to know, and what it makes of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.alerts.measures import FROM_COUNTS, is_beyond, measured
from monitor.alerts.standing import Verdict
from monitor.metrics.cells import Cell
from monitor.metrics.windows import Detail
from monitor.models.alerts import AlertRule, Measure, RuleKind


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with what it was made from."""

    verdict: Verdict
    value: float | None
    requests: int


class Kind(Protocol):
    def detail(self, rule: AlertRule) -> Detail:
        """How much it needs to know of the requests."""

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        """What the rule says of these requests of its window."""


class Metric:
    """A measure above or below a threshold."""

    def detail(self, rule: AlertRule) -> Detail:
        if rule.measure in FROM_COUNTS:
            return Detail.COUNTS
        return Detail.ANSWERS if rule.measure == Measure.STATUS_SHARE else Detail.LATENCIES

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        found = measured(rule, cell)
        if found.value is None:
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.BREACH if is_beyond(rule, found.value) else Verdict.CALM
        return Judgement(verdict=verdict, value=found.value, requests=found.requests)


class Absence:
    """No request at all. One is enough to be calm, and nothing is never 'no data'."""

    def detail(self, rule: AlertRule) -> Detail:
        return Detail.COUNTS

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        verdict = Verdict.CALM if cell.requests else Verdict.BREACH
        return Judgement(verdict=verdict, value=float(cell.requests), requests=cell.requests)


class Silence:
    """No process that reports with a client library was heard. Its cell counts processes, not requests:
    an application that is up and has no visitors goes on reporting."""

    def detail(self, rule: AlertRule) -> Detail:
        return Detail.COUNTS

    def judge(self, rule: AlertRule, cell: Cell) -> Judgement:
        verdict = Verdict.CALM if cell.requests else Verdict.BREACH
        return Judgement(verdict=verdict, value=float(cell.requests), requests=0)


KINDS: Mapping[str, Kind] = {
    RuleKind.METRIC: Metric(),
    RuleKind.ABSENCE: Absence(),
    RuleKind.SILENCE: Silence(),
}
