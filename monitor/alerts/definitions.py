"""What each kind of rule must say, and may: one table for the API, the pages, the admin and YAML."""

import math
from collections.abc import Mapping
from typing import Any

from django.db.models import Field

from monitor.alerts.conditions import BadCondition, compile_condition
from monitor.models.alerts import (
    DEFAULT_APDEX_MS,
    DEFAULT_DEVIATIONS,
    DEFAULT_PERIOD_DAYS,
    MAX_PERIOD_DAYS,
    MAX_WINDOW_S,
    MIN_PERIOD_DAYS,
    MIN_WINDOW_S,
    OF_NEWS,
    AlertRule,
    Direction,
    Measure,
    Per,
    RuleKind,
)

CONDITION = ("condition_field", "condition_operator", "condition_value")
NARROWING = ("endpoint_id", "consumer", "environment", "tag")
WINDOWED = (*NARROWING, "per", "window_s", "for_s")
THRESHOLD = ("measure", "status_class", "apdex_ms", "direction", "threshold", "min_requests")
# What each kind speaks of; all else it must leave out.
SPOKEN: Mapping[str, tuple[str, ...]] = {
    RuleKind.LOG: CONDITION,
    RuleKind.METRIC: (*WINDOWED, *THRESHOLD),
    RuleKind.ABSENCE: WINDOWED,
    # Processes are of an environment; what was asked of them, and by whom, is not theirs to tell.
    RuleKind.SILENCE: ("environment", "window_s", "for_s"),
    # Hours are learnt from, and tell neither tags apart nor, for long enough, consumers.
    RuleKind.BASELINE: (
        *("endpoint_id", "environment", "per", "window_s", "for_s"),
        *("measure", "status_class", "apdex_ms", "direction", "deviations", "min_requests"),
    ),
    RuleKind.SLO: (
        *("endpoint_id", "consumer", "environment", "per"),
        *("measure", "apdex_ms", "target", "period_days", "min_requests"),
    ),
    # An endpoint is a service's, in whichever environment.
    RuleKind.NEW_ENDPOINT: (),
    RuleKind.NEW_ERROR: ("endpoint_id",),
}
DEFAULTS: Mapping[str, Any] = {
    **dict.fromkeys(CONDITION, ""),
    **dict.fromkeys(("consumer", "environment", "tag", "per", "measure", "status_class", "direction"), ""),
    "endpoint_id": None,
    "window_s": None,
    "for_s": 0,
    "apdex_ms": DEFAULT_APDEX_MS,
    "threshold": None,
    "min_requests": 0,
    "deviations": DEFAULT_DEVIATIONS,
    "target": None,
    "period_days": DEFAULT_PERIOD_DAYS,
}
STATUS_CLASSES = tuple(f"{first}xx" for first in range(1, 6))
MAX_FOR_S = 24 * 3600
PER_CENT = frozenset({Measure.ERROR_RATE, Measure.STATUS_SHARE, Measure.SLOW_SHARE})
# What an objective may promise: requests without an error, or within so many milliseconds.
OF_OBJECTIVES = (Measure.ERROR_RATE, Measure.SLOW_SHARE)
# A shorter window is too unlike an hour to be held against one; a longer one lies in several.
BASELINE_WINDOWS_S = (600, 3600)
MIN_DEVIATIONS, MAX_DEVIATIONS = 1.0, 20.0
# Of 50 per cent and less nobody would speak as an objective; of all no budget is left to burn.
MIN_TARGET, MAX_TARGET = 50.0, 99.999


def default_of(name: str) -> Any:
    """What a field says when nothing is said."""
    if name in DEFAULTS:
        return DEFAULTS[name]
    found = AlertRule._meta.get_field(name)
    return found.get_default() if isinstance(found, Field) else None


def problems_of(rule: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a rule that says this, by field; empty when it can be judged. Needs `kind`."""
    spoken = SPOKEN[rule["kind"]]
    problems = {
        name: f"A rule of kind '{rule['kind']}' does not speak of this."
        for name, default in DEFAULTS.items()
        if name not in spoken and rule.get(name, default) not in (default, None)
    }
    if rule["kind"] == RuleKind.LOG:
        return problems | _of_condition(rule)
    if rule["kind"] in OF_NEWS:
        return problems
    if rule["kind"] == RuleKind.SLO:
        return problems | _of_objective(rule)
    problems |= _of_window(rule)
    if rule["kind"] == RuleKind.METRIC:
        problems |= _of_measure(rule) | _of_threshold(rule)
    if rule["kind"] == RuleKind.BASELINE:
        problems |= _of_measure(rule) | _of_band(rule)
    return problems


def _of_condition(rule: Mapping[str, Any]) -> dict[str, str]:
    try:
        compile_condition(*(rule.get(name) or "" for name in CONDITION))
    except BadCondition as error:
        return {error.field: str(error)}
    return {}


def _of_window(rule: Mapping[str, Any]) -> dict[str, str]:
    window_s, for_s = rule.get("window_s"), rule.get("for_s") or 0
    problems: dict[str, str] = {}
    if not isinstance(window_s, int) or not MIN_WINDOW_S <= window_s <= MAX_WINDOW_S or window_s % 60:
        problems["window_s"] = "A window is 1 minute to 24 hours, in whole minutes (60 to 86400 s)."
    if not 0 <= for_s <= MAX_FOR_S:
        problems["for_s"] = "At most 24 hours (86400 s)."
    return problems | _of_groups(rule)


def _of_groups(rule: Mapping[str, Any]) -> dict[str, str]:
    per = rule.get("per")
    if not per:
        return {}
    if per not in Per.values:
        return {"per": f"One of {', '.join(Per.values)}, or empty."}
    return {"per": f"The rule is of one {per} already."} if rule.get(PER_NARROWED[per]) else {}


# What an objective is split by, with whether it is of one endpoint and of one consumer.
BOTH_TOGETHER = {(Per.CONSUMER, True, False), (Per.ENDPOINT, False, True)}
PER_NARROWED = {Per.ENDPOINT: "endpoint_id", Per.CONSUMER: "consumer", Per.ENVIRONMENT: "environment"}


def _of_measure(rule: Mapping[str, Any]) -> dict[str, str]:
    problems: dict[str, str] = {}
    measure = rule.get("measure")
    if measure not in Measure.values:
        problems["measure"] = f"One of {', '.join(Measure.values)}."
    if (measure == Measure.STATUS_SHARE) != (rule.get("status_class") in STATUS_CLASSES):
        problems["status_class"] = "One of 1xx to 5xx, for the share of a status class and nothing else."
    return problems | _of_milliseconds(rule)


def _of_milliseconds(rule: Mapping[str, Any]) -> dict[str, str]:
    is_some = 0 < (rule.get("apdex_ms") or 0) < math.inf
    return {} if is_some else {"apdex_ms": "Milliseconds, more than 0."}


def _of_threshold(rule: Mapping[str, Any]) -> dict[str, str]:
    problems: dict[str, str] = {}
    measure, threshold = rule.get("measure"), rule.get("threshold")
    if rule.get("direction") not in (Direction.ABOVE, Direction.BELOW):
        problems["direction"] = "Above or below."
    if threshold is None or not math.isfinite(threshold) or threshold < 0:
        problems["threshold"] = "A finite number, not below 0."
    elif measure in PER_CENT and threshold > 100:
        problems["threshold"] = "Per cent: at most 100."
    elif measure == Measure.APDEX and threshold > 1:
        problems["threshold"] = "An Apdex is between 0 and 1."
    return problems


def _of_band(rule: Mapping[str, Any]) -> dict[str, str]:
    problems: dict[str, str] = {}
    shortest, longest = BASELINE_WINDOWS_S
    if not shortest <= (rule.get("window_s") or 0) <= longest:
        problems["window_s"] = "What is usual is known by the hour: 10 to 60 minutes (600 to 3600 s)."
    if rule.get("direction") not in Direction.values:
        problems["direction"] = "Above, below or both."
    if rule.get("per") == Per.CONSUMER:
        problems["per"] = "The hours of consumers are not kept for weeks: endpoint or environment."
    if not MIN_DEVIATIONS <= (rule.get("deviations") or 0) <= MAX_DEVIATIONS:
        problems["deviations"] = f"From {MIN_DEVIATIONS:g} to {MAX_DEVIATIONS:g}."
    return problems


def _of_objective(rule: Mapping[str, Any]) -> dict[str, str]:
    problems = _of_milliseconds(rule) | _of_groups(rule)
    if rule.get("measure") not in OF_OBJECTIVES:
        problems["measure"] = f"One of {', '.join(OF_OBJECTIVES)}."
    if not MIN_TARGET <= (rule.get("target") or 0) <= MAX_TARGET:
        problems["target"] = f"Per cent of the requests: {MIN_TARGET:g} to {MAX_TARGET:g}."
    days = rule.get("period_days")
    if not isinstance(days, int) or not MIN_PERIOD_DAYS <= days <= MAX_PERIOD_DAYS:
        problems["period_days"] = f"From {MIN_PERIOD_DAYS} to {MAX_PERIOD_DAYS} days."
    if rule.get("endpoint_id") and rule.get("consumer"):
        problems["consumer"] = "Of one endpoint or of one consumer: days of both together are not kept."
    if (rule.get("per"), bool(rule.get("endpoint_id")), bool(rule.get("consumer"))) in BOTH_TOGETHER:
        problems["per"] = "By endpoint or by consumer: days of both together are not kept."
    return problems
