"""The kinds of rules that look at windows: what each needs to know, and what it makes of it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from monitor.alerts.baseline import Band
from monitor.alerts.burning import GROUPS, Burn, burns_of, worst_of
from monitor.alerts.measures import FROM_COUNTS, is_beyond, measured
from monitor.alerts.standing import Verdict
from monitor.metrics.cells import Cell
from monitor.metrics.windows import Detail
from monitor.models.alerts import AlertRule, Measure, RuleKind, value_text


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with what it was made from."""

    verdict: Verdict
    value: float | None
    requests: int
    # In words, where a value and its unit do not say it all.
    said: str = ""
    band: Band | None = None


def detail_of(rule: AlertRule) -> Detail:
    """How much a rule needs to know of the requests."""
    if not rule.measure or rule.measure in FROM_COUNTS:
        return Detail.COUNTS
    return Detail.ANSWERS if rule.measure == Measure.STATUS_SHARE else Detail.LATENCIES


def judge_metric(rule: AlertRule, cell: Cell) -> Judgement:
    """A measure above or below a threshold."""
    found = measured(rule, cell)
    if found.value is None:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.BREACH if is_beyond(rule, found.value) else Verdict.CALM
    return Judgement(verdict=verdict, value=found.value, requests=found.requests)


def judge_absence(rule: AlertRule, cell: Cell) -> Judgement:
    """No request at all. One is enough to be calm, and nothing is never 'no data'."""
    verdict = Verdict.CALM if cell.requests else Verdict.BREACH
    return Judgement(verdict=verdict, value=float(cell.requests), requests=cell.requests)


def judge_silence(rule: AlertRule, cell: Cell) -> Judgement:
    """No process that reports with a client library was heard. Its cell counts processes, not requests:
    an application that is up and has no visitors goes on reporting."""
    verdict = Verdict.CALM if cell.requests else Verdict.BREACH
    return Judgement(verdict=verdict, value=float(cell.requests), requests=0)


# The kinds that need one window and nothing else.
KINDS: Mapping[str, Callable[[AlertRule, Cell], Judgement]] = {
    RuleKind.METRIC: judge_metric,
    RuleKind.ABSENCE: judge_absence,
    RuleKind.SILENCE: judge_silence,
}


def judge_by_band(rule: AlertRule, cell: Cell, band: Band) -> Judgement:
    """A measure out of the band that is usual at this hour of the week. Nothing can be said of too few
    requests, nor before enough weeks are known."""
    found = measured(rule, cell)
    if found.value is None or band.low is None or band.high is None:
        return Judgement(verdict=Verdict.UNKNOWN, value=found.value, requests=found.requests, band=band)
    seen, low, high = (value_text(rule.measure, value) for value in (found.value, band.low, band.high))
    return Judgement(
        verdict=Verdict.BREACH if band.is_left(found.value, rule.direction) else Verdict.CALM,
        value=found.value,
        requests=found.requests,
        said=f"{seen}, usual {low} to {high} at this hour of the week",
        band=band,
    )


def judge_objective(rule: AlertRule, cells: Mapping[timedelta, Cell]) -> dict[str, Judgement]:
    """The budget of an objective burns too fast: one state for a fast burn, and one for a slow one, so that
    the fast one is told while the slow one goes on."""
    burns = burns_of(rule, cells)
    return {group: judge_burn(worst_of(burns, group), cells) for group in GROUPS}


def judge_burn(burn: Burn | None, cells: Mapping[timedelta, Cell]) -> Judgement:
    if burn is None:
        return Judgement(verdict=Verdict.UNKNOWN, value=None, requests=0)
    return Judgement(
        verdict=Verdict.BREACH if burn.is_too_fast else Verdict.CALM,
        value=burn.long,
        requests=cells[burn.pair.long].requests,
        said=str(burn),
    )
