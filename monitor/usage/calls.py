"""Counts calls of the API in memory, and hands them over every few seconds: no write for each.

A process that is killed takes the calls of its last seconds with it, as it does with its other counts.
"""

import os
from datetime import datetime
from uuid import UUID

from monitor.lib.tally import Tally
from monitor.usage.record import Use, record_use

_calls = Tally()
os.register_at_fork(after_in_child=_calls.__init__)  # type: ignore[misc] # its parent's are not its own


def count_call(organization_id: UUID, *, key_id: UUID | None, mode: str) -> None:
    """A call by somebody known, to any door."""
    _calls.add(f"{organization_id} {key_id or ''}", labels=mode)


def flush_calls(*, now: datetime) -> None:
    """Write down what was counted since the last time; when that fails, keep it for the next time."""
    taken = _calls.take()
    try:
        record_use(
            Use(
                organization_id=UUID(name.partition(" ")[0]),
                key_id=UUID(key) if (key := name.partition(" ")[2]) else None,
                mode=mode,
                day=now.date(),
                requests=int(times),
            )
            for (name, mode), times in taken.items()
        )
    except BaseException:
        _calls.add_all(taken)
        raise
