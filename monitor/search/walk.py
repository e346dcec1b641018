"""Reads logs in the order of time, a step of days after another, as far as the time allows.

Most filters have an index or are common, and the first step answers. A rare value without an index would
scan all that is kept: instead each step is stopped by the server when its time is over, the steps then
become smaller, and the reader learns how far the search came.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import monotonic
from uuid import UUID

from monitor.lib.ids import uuid7_floor
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import RequestLog
from monitor.models.logs import RequestLogQuerySet

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
NO_TIME = timedelta()
# Days of a step, the first beside the one where it begins; then the rest. What is common is found in the
# newest, and what is rare takes few steps to the end. One query over all would walk the newest days in vain
# for a value that was common before them.
STEPS = (1, 3)
# Of the whole time, what a step of days may take before days are cut into slices.
SHARE_OF_DAYS = 0.33
# Rows of a slice, of all services: tens of milliseconds for a pattern over paths that are in memory.
SLICE = 20_000
SMALLEST_SLICE = 1_000
QUICK_S = 0.04
# Rows that are asked for at least. For a few more of what is rare the planner would bet that they come soon,
# and walk a day by time in place of using an index: 17 ms for four rows.
FEWEST_ASKED = 50
# A slice so small ends in time on any disk that works; without it a search might never come forward.
LAST_RESORT = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Rows that were read in the walk's order: how many, and the id of the last."""

    count: int
    last: UUID | None = None


# Reads the next rows of a queryset in its order, at most so many.
Read = Callable[[RequestLogQuerySet, int], Stretch]


@dataclass(kw_only=True)
class Walk:
    """What of `logs` lies between two ids and has not been searched: from `low` up to, not with, `high`.

    It goes down from `high`, or `upwards` from `low`. `deadline` is in seconds of the monotonic clock, and
    `time_given` is how long it was until then.
    """

    logs: RequestLogQuerySet
    low: UUID
    high: UUID
    deadline: float
    time_given: timedelta
    upwards: bool = False
    has_moved: bool = False
    # Rows, in the advance that is under way.
    has_read: int = 0
    # None as long as whole days go well.
    slice: int | None = None

    @classmethod
    def within(
        cls,
        logs: RequestLogQuerySet,
        since: datetime,
        until: datetime,
        *,
        limit: timedelta,
        after: UUID | None = None,
        upwards: bool = False,
    ) -> "Walk":
        """From the newest down, or from `after` on in the walk's direction."""
        low, high = uuid7_floor(since), uuid7_floor(until)
        if after is not None and upwards:
            low = max(low, UUID(int=after.int + 1))
        elif after is not None:
            high = min(high, after)
        deadline = monotonic() + limit.total_seconds()
        return cls(logs=logs, low=low, high=high, deadline=deadline, time_given=limit, upwards=upwards)

    @property
    def is_over(self) -> bool:
        """Whether everything has been searched."""
        return self.low >= self.high

    @property
    def place(self) -> UUID:
        """Where the walk stands; as `after`, it continues from there."""
        return UUID(int=self.low.int - 1) if self.upwards else self.high

    @property
    def reached(self) -> datetime:
        return moment_in(self.place)

    @property
    def time_left(self) -> timedelta:
        return timedelta(seconds=self.deadline - monotonic())

    def take(self, count: int) -> list[RequestLog]:
        """The next rows, at most `count`. Fewer mean that the walk is over, or its time.

        Raises TookTooLong when not even the smallest slice could be searched.
        """
        rows: list[RequestLog] = []

        def read(logs: RequestLogQuerySet, wanted: int) -> Stretch:
            found = list(logs[: max(wanted, FEWEST_ASKED)])[:wanted]
            rows.extend(found)
            return Stretch(count=len(found), last=found[-1].id if found else None)

        self.advance(count, read)
        return rows

    def advance(self, count: int, read: Read) -> int:
        """Have `read` read the next rows, at most `count` of them, and give how many those were. Ends as
        `take` does."""
        self.has_read = 0
        if self.time_left <= NO_TIME and not self.has_moved:
            # Something else took all the time; a search that is asked for again must still come forward.
            self.slice = self.slice or SMALLEST_SLICE
        if self.slice is None and self.time_left > NO_TIME:
            try:
                with time_limit(min(self.time_given * SHARE_OF_DAYS, self.time_left)):
                    self._take_days(count, read)
            except TookTooLong:
                self.slice = SLICE
        if self.slice is not None:
            self._take_slices(count, read)
        return self.has_read

    def _take_days(self, count: int, read: Read) -> None:
        for end in self._ends_of_days():
            if self.has_read == count or self.is_over or self.time_left <= NO_TIME:
                return
            self._search(end, count, read)

    def _ends_of_days(self) -> Iterator[UUID]:
        """Where steps of days end, from here on."""
        if self.upwards:
            end = midnight_before(self.low) + DAY
        else:
            # `high` is not part of the walk: at midnight, its day is the one before.
            end = midnight_before(UUID(int=self.high.int - 1))
        for days in STEPS:
            end += days * DAY if self.upwards else -days * DAY
            yield uuid7_floor(end)
        yield self.high if self.upwards else self.low

    def _take_slices(self, count: int, read: Read) -> None:
        while self.has_read < count and not self.is_over:
            is_last_resort = self.time_left <= NO_TIME
            if is_last_resort and self.has_moved:
                return
            size = SMALLEST_SLICE if is_last_resort else self.slice or SLICE
            began = monotonic()
            try:
                with time_limit(LAST_RESORT if is_last_resort else self.time_left):
                    self._search(self._end_of_slice(size), count, read)
            except TookTooLong:
                if is_last_resort:
                    raise
                self.slice = max(size // 4, SMALLEST_SLICE)
            else:
                self.slice = size * 2 if monotonic() - began < QUICK_S else size

    def _end_of_slice(self, size: int) -> UUID:
        """The id so many rows from here, whatever the filters say, or the end of the walk."""
        ids = RequestLog.objects.filter(id__gte=self.low, id__lt=self.high).values_list("id", flat=True)
        last = ids.order_by("id" if self.upwards else "-id")[size : size + 1]
        return next(iter(last), self.high if self.upwards else self.low)

    def _search(self, end: UUID, count: int, read: Read) -> None:
        """Read the rows up to `end` in one query, and move there, or to the last row that was wanted."""
        wanted = count - self.has_read
        low = self.low if self.upwards else max(end, self.low)
        high = min(end, self.high) if self.upwards else self.high
        between = self.logs.filter(id__gte=low, id__lt=high)
        stretch = read(between.order_by("id" if self.upwards else "-id"), wanted)
        self.has_read += stretch.count
        self.has_moved = True
        last = stretch.last if stretch.count == wanted else None
        if self.upwards:
            self.low = high if last is None else UUID(int=last.int + 1)
        else:
            self.high = low if last is None else last


def moment_in(log_id: UUID) -> datetime:
    """The moment in the first 48 bits, also of an id that was counted up or down by one."""
    return EPOCH + (log_id.int >> 80) * MILLISECOND


def midnight_before(log_id: UUID) -> datetime:
    return datetime.combine(moment_in(log_id).date(), time.min, tzinfo=UTC)
