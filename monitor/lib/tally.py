"""Counts that this process has made and not yet handed over: an addition in memory, no write for each."""

import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence

# A counter's name, and its labels as they are written for Prometheus: `reason="key_invalid"`.
Key = tuple[str, str]


class Tally:
    """Sums by key, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[Key, float] = defaultdict(float)

    def add(self, name: str, amount: float = 1, *, labels: str = "") -> None:
        with self._lock:
            self._sums[name, labels] += amount

    def add_to_all(self, keys: Sequence[Key]) -> None:
        """1 to each of them."""
        with self._lock:
            for key in keys:
                self._sums[key] += 1

    def add_all(self, sums: Mapping[Key, float]) -> None:
        with self._lock:
            for key, amount in sums.items():
                self._sums[key] += amount

    def take(self) -> dict[Key, float]:
        """All sums, which begin at zero again."""
        with self._lock:
            taken, self._sums = dict(self._sums), defaultdict(float)
        return {key: amount for key, amount in taken.items() if amount}


counts = Tally()


def _begin_anew() -> None:
    """A forked process has counted nothing yet: what is here is its parent's, whose lock may be held."""
    counts.__init__()  # type: ignore[misc] # the one object that everybody has imported


os.register_at_fork(after_in_child=_begin_anew)
