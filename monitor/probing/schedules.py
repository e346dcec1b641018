"""Moments by the clock on a wall: five fields of cron, or systemd's OnCalendar, in a time zone. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

DAY = timedelta(days=1)
# Where the longest wait is looked for: always the same year, so that it is the same each time it is asked.
SINCE, FOR = datetime(2026, 1, 1, tzinfo=UTC), 400 * DAY


class BadSchedule(ValueError):
    """What is wrong, with the field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """An expression in a zone. Whoever makes one asks `check` first."""

    expression: str
    timezone: str = "UTC"
    language: Literal["cron", "oncalendar"] = "cron"

    def check(self) -> None:
        """Raises BadSchedule, also for what never comes."""
        check_zone(self.timezone)
        try:
            self.next_after(SINCE)
        except (CronSimError, OnCalendarError, StopIteration):
            raise BadSchedule("expression", f"not valid for {self.language}") from None

    def moments(self, after: datetime) -> Iterator[datetime]:
        """Those after the moment, in UTC: what is added to them then crosses no change of clocks."""
        local = after.astimezone(ZoneInfo(self.timezone))
        found = CronSim if self.language == "cron" else OnCalendar
        return (moment.astimezone(UTC) for moment in found(self.expression, local))

    def next_after(self, moment: datetime) -> datetime:
        return next(self.moments(moment))

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def on(self, day: date, at: time) -> datetime:
        """That time of the day on the wall; the later one of two."""
        return datetime.combine(day, at.replace(tzinfo=ZoneInfo(self.timezone), fold=1)).astimezone(UTC)

    def before(self, day: date) -> datetime:
        """Just before the day, so that its first moment is after."""
        return self.on(day, time(0)) - timedelta(seconds=1)


def check_zone(name: str) -> None:
    """Raises BadSchedule."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadSchedule("timezone", f"{name[:40]!r} is not known here") from None


# Files of many monitors ask for the same again, and a year of days takes a fifth of a second.
@lru_cache(maxsize=1024)
def longest_wait(schedule: Schedule, *, most: timedelta) -> timedelta:
    """The longest time between two moments that follow each other; of those beyond `most` any.

    Each day that has moments has the same ones: the first is walked along, and then from day to day.
    """
    began = schedule.before(schedule.day_of(SINCE) + DAY)
    first = schedule.next_after(began)
    moments = schedule.moments(first - timedelta(seconds=1))
    day = list(takewhile(lambda moment: schedule.day_of(moment) == schedule.day_of(first), moments))
    last_time = day[-1].astimezone(ZoneInfo(schedule.timezone)).time()
    longest = max([first - began, *(later - moment for moment, later in pairwise(day))])
    while first < SINCE + FOR and longest <= most:
        last = schedule.on(schedule.day_of(first), last_time)
        first = schedule.next_after(schedule.before(schedule.day_of(first) + DAY))
        longest = max(longest, first - last)
    return longest
