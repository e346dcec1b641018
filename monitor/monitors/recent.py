"""The newest checks of a monitor in a few hundred bytes of its own row, so that a list of a thousand bars
is one query."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.models.monitors import RECENT_BEATS

# Seconds since 1970, state, flags, milliseconds (negative: none).
_ENTRY = struct.Struct("<IBBf")
_SLOW = 1
MOST_BYTES = RECENT_BEATS * _ENTRY.size


@dataclass(frozen=True, kw_only=True)
class RecentBeat:
    at: datetime
    state: int
    is_degraded: bool
    response_ms: float | None


def packed(beats: Iterable[RecentBeat]) -> bytes:
    """The beats in the order given; they go behind those of the row, which lets its oldest go."""
    return b"".join(
        _ENTRY.pack(
            int(beat.at.timestamp()),
            beat.state,
            _SLOW if beat.is_degraded else 0,
            -1.0 if beat.response_ms is None else beat.response_ms,
        )
        for beat in beats
    )


def unpacked(packed: bytes) -> list[RecentBeat]:
    """The beats, oldest first."""
    return [
        RecentBeat(
            at=datetime.fromtimestamp(seconds, UTC),
            state=state,
            is_degraded=bool(flags & _SLOW),
            response_ms=None if ms < 0 else round(ms, 1),
        )
        for seconds, state, flags, ms in _ENTRY.iter_unpack(bytes(packed))
    ]
