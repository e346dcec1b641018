"""Many conditions at once: those that hold for a log are found by bisection, not by asking each. Pure."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from monitor.alerts.conditions import Comparison, Observed, value_of
from monitor.models.alerts import ConditionOperator

Owner = TypeVar("Owner")


class Thresholds(Generic[Owner]):
    """Conditions with whoever owns each. A thousand that do not hold cost a log some twelve bisections."""

    def __init__(self, conditions: Iterable[tuple[Comparison, Owner]]) -> None:
        together: dict[tuple[str, str], list[tuple[float, Owner]]] = defaultdict(list)
        for condition, owner in conditions:
            together[condition.field, condition.comparison].append((condition.wanted, owner))
        self._fields: dict[str, list[tuple[str, list[float], list[Owner]]]] = defaultdict(list)
        for (field, comparison), pairs in together.items():
            pairs.sort(key=lambda pair: pair[0])
            wanted, owners = [value for value, _ in pairs], [owner for _, owner in pairs]
            self._fields[field].append((comparison, wanted, owners))

    def holding_for(self, observed: Observed) -> Iterator[Owner]:
        """The owners of the conditions that hold, in no order."""
        for field, groups in self._fields.items():
            seen = value_of(observed, field)
            if seen is None:
                continue
            for comparison, wanted, owners in groups:
                yield from _holding(comparison, seen, wanted, owners)


def _holding(
    comparison: str, seen: float, wanted: Sequence[float], owners: Sequence[Owner]
) -> Iterable[Owner]:
    """The owners whose wanted value stands in this comparison with what was seen; values ascend."""
    match comparison:
        case ConditionOperator.GREATER_OR_EQUAL:
            return owners[: bisect_right(wanted, seen)]
        case ConditionOperator.GREATER:
            return owners[: bisect_left(wanted, seen)]
        case ConditionOperator.LESS_OR_EQUAL:
            return owners[bisect_left(wanted, seen) :]
        case ConditionOperator.LESS:
            return owners[bisect_right(wanted, seen) :]
    first, behind = bisect_left(wanted, seen), bisect_right(wanted, seen)
    if comparison == ConditionOperator.EQUAL:
        return owners[first:behind]
    return [*owners[:first], *owners[behind:]]
