"""What a rule's condition means, as a function of one log. Pure."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Protocol

from monitor.models.alerts import ConditionField, ConditionOperator

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ConditionOperator.GREATER_OR_EQUAL: operator.ge,
    ConditionOperator.LESS_OR_EQUAL: operator.le,
    ConditionOperator.EQUAL: operator.eq,
    ConditionOperator.NOT_EQUAL: operator.ne,
    ConditionOperator.GREATER: operator.gt,
    ConditionOperator.LESS: operator.lt,
}
EQUALITY = frozenset({ConditionOperator.EQUAL, ConditionOperator.NOT_EQUAL})
BOOLEANS = {"true": True, "false": False}


class BadCondition(ValueError):
    """A condition that means nothing. `field` is the rule's field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Observed(Protocol):
    """What a condition looks at."""

    @property
    def status_code(self) -> int | None: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def error(self) -> str | None: ...


Condition = Callable[[Observed], bool]


def compile_condition(field: str, comparison: str, value: str) -> Condition:
    """The condition as a function. Raises BadCondition.

    A field that a log lacks matches no operator. `error` is whether error text is set, so it is never
    lacking and knows == and != with true or false.
    """
    compare = COMPARISONS.get(comparison)
    if compare is None:
        raise BadCondition("condition_operator", f"'{comparison}' is not one of {', '.join(COMPARISONS)}.")
    if field == ConditionField.ERROR:
        return _error_condition(comparison, value)
    if field not in ConditionField.values:
        raise BadCondition("condition_field", f"'{field}' is not one of {', '.join(ConditionField.values)}.")
    wanted = _number(field, value)

    def holds(observed: Observed) -> bool:
        seen: float | None = (
            observed.status_code if field == ConditionField.STATUS_CODE else observed.latency_ms
        )
        return seen is not None and compare(seen, wanted)

    return holds


def _error_condition(comparison: str, value: str) -> Condition:
    if comparison not in EQUALITY:
        raise BadCondition("condition_operator", "An error condition takes == or !=.")
    wanted = BOOLEANS.get(value.strip().lower())
    if wanted is None:
        raise BadCondition("condition_value", "An error condition takes true or false.")
    expected = wanted if comparison == ConditionOperator.EQUAL else not wanted
    return lambda observed: (observed.error is not None) is expected


def _number(field: str, value: str) -> float:
    text = value.strip()
    try:
        number: float = int(text) if field == ConditionField.STATUS_CODE else float(text)
    except ValueError:
        kind = "a whole number" if field == ConditionField.STATUS_CODE else "a number"
        raise BadCondition("condition_value", f"{field} is compared with {kind}, not {value!r}.") from None
    if not math.isfinite(number) or "_" in text:
        raise BadCondition(
            "condition_value", f"{field} is compared with a plain finite number, not {value!r}."
        )
    return number
