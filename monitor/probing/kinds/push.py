"""Push: a program pings us, and what is judged is whether it did so in time. See monitor.push."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from monitor.probing.registry import Field, Kind
from monitor.probing.schedules import BadSchedule, Schedule, check_zone

MAX_PERIOD_S = 366 * 86_400
Words = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=20)
]


class PushOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schedule: Literal["simple", "cron", "oncalendar"] = "simple"
    # Simple: a ping is due this long after the one before.
    period_s: Annotated[int, msgspec.Meta(ge=10, le=MAX_PERIOD_S)] = 86_400
    # Five fields of cron, or systemd's OnCalendar, in the zone.
    expression: Annotated[str, msgspec.Meta(max_length=100)] = ""
    timezone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_PERIOD_S)] = 3600
    slug: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9\-_]*$")] = ""
    methods: Literal["any", "post"] = "any"
    # A body with one of these says so, whatever address it came to.
    success_words: Words = []
    failure_words: Words = []
    start_words: Words = []

    def __post_init__(self) -> None:
        try:
            check_zone(self.timezone)
            if self.schedule != "simple":
                schedule_of(self).check()
        except BadSchedule as error:
            raise ValueError(f"{error.field}: {error.message}") from None


def schedule_of(options: PushOptions) -> Schedule:
    """Of one that is expected by an expression."""
    language: Literal["cron", "oncalendar"] = "oncalendar" if options.schedule == "oncalendar" else "cron"
    return Schedule(expression=options.expression, timezone=options.timezone, language=language)


def next_time(options: PushOptions, *, after: datetime) -> datetime:
    """The next moment of the expression, in UTC."""
    return schedule_of(options).next_after(after)


def described(options: PushOptions) -> str:
    grace = f"{length(options.grace_s)} of grace"
    if options.schedule == "simple":
        return f"a ping every {length(options.period_s)}, {grace}"
    return f"a ping by {options.expression} ({options.timezone}), {grace}"


def length(seconds: int) -> str:
    """In its largest whole unit: 90 s, 5 min, 1 h, 7 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


KIND = Kind(
    name="push",
    words="Push",
    order=5,
    options=PushOptions,
    target=described,
    fields=(
        Field(
            name="schedule",
            label="Expected",
            type="choice",
            choices=(("simple", "Every so often"), ("cron", "By cron"), ("oncalendar", "By OnCalendar")),
        ),
        Field(name="period_s", label="Period (s)", type="number", help="86400 is a day."),
        Field(
            name="expression", label="Expression", placeholder="0 3 * * *", help="For cron and OnCalendar."
        ),
        Field(name="timezone", label="Time zone", placeholder="Europe/Berlin"),
        Field(name="grace_s", label="Grace (s)", type="number", help="How late is still in time."),
        Field(name="slug", label="Slug", help="For addresses like /ping/KEY/nightly-backup."),
        Field(
            name="methods",
            label="Pings come by",
            type="choice",
            choices=(("any", "Any method"), ("post", "POST alone")),
            is_rare=True,
        ),
        Field(name="success_words", label="Words of success", type="lines", is_rare=True),
        Field(name="failure_words", label="Words of failure", type="lines", is_rare=True),
        Field(name="start_words", label="Words of a start", type="lines", is_rare=True),
    ),
)
