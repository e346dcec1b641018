"""The window of time that a search looks into."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.models.services import longest_retention_days

# Senders' clocks may be this far ahead; nothing lies beyond.
AHEAD = timedelta(minutes=5, seconds=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """From `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None, *, now: datetime) -> "Window":
        """What was asked for within what can be there: from the oldest day kept to a little ahead, for
        senders whose clocks are. Bounded on both sides, so that the planner opens no partition in vain."""
        oldest = now.astimezone(UTC) - timedelta(days=longest_retention_days() + 1)
        ahead = now.astimezone(UTC) + AHEAD
        start = min(max(since or oldest, oldest), ahead)
        return cls(since=start, until=max(min(until or ahead, ahead), start))
