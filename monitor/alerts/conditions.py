"""What a rule's condition means, as a function of one log. Pure."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A condition that was read: `field` `comparison` `wanted`. For `error`, 1 is set and 0 is not."""

    field: str
    comparison: str
    wanted: float

    def holds(self, observed: Observed) -> bool:
        seen = value_of(observed, self.field)
        return seen is not None and COMPARISONS[self.comparison](seen, self.wanted)


def value_of(observed: Observed, field: str) -> float | None:
    """What a condition on this field compares; None where the log lacks it. `error` is never lacking."""
    if field == ConditionField.ERROR:
        return int(observed.error is not None)
    return observed.status_code if field == ConditionField.STATUS_CODE else observed.latency_ms


def compile_condition(field: str, comparison: str, value: str) -> Condition:
    """The condition as a function. Raises BadCondition.

    A field that a log lacks matches no operator. `error` is whether error text is set, so it is never
    lacking and knows == and != with true or false.
    """
    return read_condition(field, comparison, value).holds


def read_condition(field: str, comparison: str, value: str) -> Comparison:
    """The condition as something to compare with. Raises BadCondition."""
    if comparison not in COMPARISONS:
        raise BadCondition("condition_operator", f"'{comparison}' is not one of {', '.join(COMPARISONS)}.")
    if field == ConditionField.ERROR:
        return Comparison(field=field, comparison=comparison, wanted=_boolean(comparison, value))
    if field not in ConditionField.values:
        raise BadCondition("condition_field", f"'{field}' is not one of {', '.join(ConditionField.values)}.")
    return Comparison(field=field, comparison=comparison, wanted=_number(field, value))


def _boolean(comparison: str, value: str) -> int:
    if comparison not in EQUALITY:
        raise BadCondition("condition_operator", "An error condition takes == or !=.")
    wanted = BOOLEANS.get(value.strip().lower())
    if wanted is None:
        raise BadCondition("condition_value", "An error condition takes true or false.")
    return int(wanted)


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
