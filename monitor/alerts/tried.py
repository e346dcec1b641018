"""What a page shows of a rule that is tried on the last days: its chart and when it would have fired."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from monitor.alerts.backtest import CannotTry, back_test
from monitor.alerts.conditions import BadCondition
from monitor.alerts.kinds import Judgement
from monitor.alerts.trial import BackTest, Point, badness, extremes
from monitor.charts import Series, Threshold, TimeAxis, Unit, lines
from monitor.metrics import TooMuchToCount
from monitor.metrics.tiles import floor
from monitor.models import AlertRule
from monitor.models.alerts import OF_NOTHING, Direction, Measure, RuleKind, value_text

MOST_FIRINGS = 50
CHART_STEP = timedelta(hours=1)
# As many groups as lines can be told apart; the worst ones.
LINES = ("series-p95", "series-p50", "series-p99", "series-p75", "series-plain")
SHARES = frozenset({Measure.ERROR_RATE, Measure.STATUS_SHARE, Measure.SLOW_SHARE})
LATENCIES = frozenset({Measure.P50, Measure.P95, Measure.P99})


def tried(rule: AlertRule) -> dict[str, Any]:
    """The back-test of a rule for its page; nothing for a kind that cannot be tried."""
    now = timezone.now()
    try:
        tested = back_test(rule, now=now)
    except CannotTry:
        return {}
    except (TooMuchToCount, BadCondition) as error:
        return {"tested_error": str(error)}
    return {
        "tested": tested,
        "tested_chart": chart_of(rule, tested, now=now),
        "firings": [
            (firing, worth(rule, firing.value), length_of(firing.start, firing.end or now))
            for firing in tested.firings[:MOST_FIRINGS]
        ],
        "tested_has_band": any(
            point.judgement.band and point.judgement.band.low is not None
            for walked in tested.points.values()
            for point in walked
        ),
        "has_groups": any(firing.group for firing in tested.firings),
    }


def worth(rule: AlertRule, value: float | None) -> str:
    """A value of the rule in words."""
    if rule.kind == RuleKind.SLO:
        return "nothing" if value is None else f"{value:.3g}\N{MULTIPLICATION SIGN}"
    return value_text(rule.measure or Measure.REQUEST_COUNT, value)


def length_of(start: datetime, end: datetime) -> str:
    minutes = max(int((end - start).total_seconds()) // 60, 1)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def chart_of(rule: AlertRule, tested: BackTest, *, now: datetime) -> SafeString:
    """The worst value of each hour, with the threshold or the band of what is usual as lines."""
    # The last judgement may be of a whole hour, and then begins one of its own.
    start, end = floor(tested.since, CHART_STEP), floor(tested.until, CHART_STEP) + CHART_STEP
    axis = TimeAxis(start=start, end=end, step=CHART_STEP, now=now)
    unit, scale = unit_of(rule)
    drawn = worst_groups(rule, tested.points)
    worst = {name: extremes(rule, tested.points[name], axis.starts, CHART_STEP) for name in drawn}
    series = [
        Series(
            name=name or "All",
            values=[None if one is None or one.value is None else one.value * scale for one in worst[name]],
            css_class=css_class,
        )
        for name, css_class in zip(drawn, LINES, strict=False)
    ]
    return lines(
        axis,
        [*series, *(band_series(worst[drawn[0]], scale) if drawn else ())],
        chart_id="back-test-chart",
        title=f"{rule.condition[:1].upper()}{rule.condition[1:]}: {side_of(rule)} of each hour",
        unit=unit,
        empty="Nothing was measured in these days",
        threshold=threshold_of(rule, scale),
    )


def band_series(judgements: Sequence[Judgement | None], scale: float) -> list[Series]:
    """What was usual, of the group that is drawn first."""
    bands = [one.band if one else None for one in judgements]
    if not any(band and band.low is not None for band in bands):
        return []
    ends = (("usual, highest", "high"), ("usual, lowest", "low"))
    return [
        Series(
            name=words,
            values=[
                None if band is None or (value := getattr(band, name)) is None else value * scale
                for band in bands
            ],
            css_class="series-band",
        )
        for words, name in ends
    ]


def threshold_of(rule: AlertRule, scale: float) -> Threshold | None:
    if rule.kind == RuleKind.SLO:
        return Threshold(value=1.0, label=f"1\N{MULTIPLICATION SIGN}: used up in {rule.period_days} days")
    if rule.threshold is None:
        return None
    return Threshold(value=rule.threshold * scale, label=worth(rule, rule.threshold))


def side_of(rule: AlertRule) -> str:
    """What an hour is shown by."""
    if rule.kind == RuleKind.LOG or rule.is_of_news:
        return "how many"
    if rule.direction == Direction.BOTH:
        return "the most unusual"
    return "the lowest" if rule.direction == Direction.BELOW or rule.kind in OF_NOTHING else "the highest"


def worst_groups(rule: AlertRule, points: Mapping[str, Sequence[Point]]) -> list[str]:
    worst = {
        name: max((badness(rule, point.judgement) for point in walked), default=-inf)
        for name, walked in points.items()
    }
    known = sorted((name for name in worst if worst[name] > -inf), key=lambda name: -worst[name])
    return (known or list(points))[: len(LINES)]


def unit_of(rule: AlertRule) -> tuple[Unit, float]:
    """The unit of the rule's chart, and what its values are multiplied with for it."""
    if rule.measure in SHARES and rule.kind != RuleKind.SLO:
        return Unit.SHARE, 0.01
    return (Unit.MILLISECONDS if rule.measure in LATENCIES else Unit.COUNT), 1.0
