"""What a condition means: every field with every operator, and values that mean nothing."""

from dataclasses import dataclass

import pytest

from monitor.alerts.conditions import BadCondition, compile_condition

BELOW, SAME, ABOVE, LACKING = "below", "same", "above", "lacking"
OPERATORS = {
    ">=": {SAME, ABOVE},
    "<=": {SAME, BELOW},
    "==": {SAME},
    "!=": {BELOW, ABOVE},
    ">": {ABOVE},
    "<": {BELOW},
}
SEEN = {
    "status_code": {BELOW: 499, SAME: 500, ABOVE: 501, LACKING: None},
    "latency_ms": {BELOW: 499.9, SAME: 500.0, ABOVE: 500.1, LACKING: None},
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    status_code: int | None = None
    latency_ms: float | None = None
    error: str | None = None


@pytest.mark.parametrize("comparison", OPERATORS)
@pytest.mark.parametrize("field", SEEN)
@pytest.mark.parametrize("value", ["500", " 500 ", "+500", "0500"])
def test_a_number_is_compared_and_a_lacking_one_matches_nothing(field, comparison, value):
    holds = compile_condition(field, comparison, value)

    matching = {name for name, seen in SEEN[field].items() if holds(Seen(**{field: seen}))}

    assert matching == OPERATORS[comparison]


@pytest.mark.parametrize(
    ("comparison", "value", "fires_with_error", "fires_without"),
    [
        ("==", "true", True, False),
        ("==", "false", False, True),
        ("!=", "true", False, True),
        ("!=", "false", True, False),
        ("==", "TRUE", True, False),
        ("==", " False ", False, True),
    ],
)
def test_error_is_whether_error_text_is_set(comparison, value, fires_with_error, fires_without):
    holds = compile_condition("error", comparison, value)

    assert holds(Seen(error="boom", status_code=200)) is fires_with_error
    assert holds(Seen(error=None, status_code=500)) is fires_without


@pytest.mark.parametrize("value", ["0.5", "1e3", "-1", "1000000"])
def test_a_latency_may_be_any_finite_number(value):
    assert compile_condition("latency_ms", "!=", value)(Seen(latency_ms=7))


@pytest.mark.parametrize(
    ("field", "comparison", "value", "at_fault"),
    [
        ("status_code", ">=", "high", "condition_value"),
        ("status_code", ">=", "", "condition_value"),
        ("status_code", ">=", "500.5", "condition_value"),
        ("status_code", ">=", "5_00", "condition_value"),
        ("status_code", ">=", "true", "condition_value"),
        ("status_code", ">=", "0x1f4", "condition_value"),
        ("latency_ms", ">", "slow", "condition_value"),
        ("latency_ms", ">", "nan", "condition_value"),
        ("latency_ms", ">", "inf", "condition_value"),
        ("latency_ms", ">", "1e400", "condition_value"),
        ("latency_ms", ">", "1_0", "condition_value"),
        ("latency_ms", ">", "1,5", "condition_value"),
        ("error", "==", "1", "condition_value"),
        ("error", "==", "boom", "condition_value"),
        ("error", "==", "", "condition_value"),
        ("error", ">", "true", "condition_operator"),
        ("error", "<=", "false", "condition_operator"),
        ("status_code", "=", "500", "condition_operator"),
        ("status_code", "", "500", "condition_operator"),
        ("latency", ">", "5", "condition_field"),
        ("", ">", "5", "condition_field"),
    ],
)
def test_a_condition_that_means_nothing_names_what_is_at_fault(field, comparison, value, at_fault):
    with pytest.raises(BadCondition) as bad:
        compile_condition(field, comparison, value)

    assert bad.value.field == at_fault
    assert str(bad.value)
