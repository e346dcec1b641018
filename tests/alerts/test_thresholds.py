"""Finding conditions by bisection finds exactly those that hold one by one."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.conditions import COMPARISONS, EQUALITY, read_condition
from monitor.alerts.thresholds import Thresholds

# Few values, so that they often meet; large ones, which floats cannot tell apart.
NUMBERS = st.one_of(st.integers(-2, 4), st.sampled_from([2**53, 2**53 + 1, -(10**30)]))
CONDITIONS = st.one_of(
    st.tuples(st.just("status_code"), st.sampled_from(sorted(COMPARISONS)), NUMBERS.map(str)),
    st.tuples(st.just("latency_ms"), st.sampled_from(sorted(COMPARISONS)), st.floats(-2, 4).map(str)),
    st.tuples(st.just("error"), st.sampled_from(sorted(EQUALITY)), st.sampled_from(["true", "false"])),
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    status_code: int | None
    latency_ms: float | None
    error: str | None


LOGS = st.builds(
    Seen,
    status_code=st.none() | NUMBERS,
    latency_ms=st.none() | st.floats(-2, 4) | st.integers(-2, 4).map(float),
    error=st.none() | st.just("boom"),
)


@given(given_conditions=st.lists(CONDITIONS, max_size=30), log=LOGS)
def test_the_conditions_that_hold_are_found_and_no_others(given_conditions, log):
    conditions = [read_condition(*parts) for parts in given_conditions]
    thresholds = Thresholds((condition, place) for place, condition in enumerate(conditions))

    found = sorted(thresholds.holding_for(log))

    assert found == [place for place, condition in enumerate(conditions) if condition.holds(log)]
