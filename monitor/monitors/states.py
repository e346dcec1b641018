"""What a monitor's state becomes with each check, as a pure function of what it was.

Inside a maintenance window the machine runs on, silently: the beat says MAINTENANCE, and once the window is
over people hear of the state only if it is not the one they were last told.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from monitor.probing.finding import Outcome

FLAPPING_CHANGES = 4
FLAPPING_WINDOW = timedelta(hours=1)
SETTLED_AFTER = timedelta(minutes=30)


class State(IntEnum):
    """The numbers that Uptime Kuma and Peekaping use; NO_DATA is ours, and of beats alone."""

    DOWN = 0
    UP = 1
    PENDING = 2
    MAINTENANCE = 3
    NO_DATA = 4


class Notice(StrEnum):
    """What people are told."""

    DOWN = "down"
    UP = "up"
    REMINDER = "reminder"
    FLAPPING = "flapping"
    SETTLED = "settled"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How patient a monitor is."""

    max_retries: int = 0
    recovery_successes: int = 1
    reminder_every: timedelta | None = None
    most_reminders: int = 0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a monitor stands between two checks. `state` is None before the first, and else one of UP, DOWN
    and PENDING: maintenance stands beside it."""

    state: State | None = None
    is_degraded: bool = False
    in_maintenance: bool = False
    # Checks in a row that failed, and that went well after a failure.
    retries: int = 0
    successes: int = 0
    down_since: datetime | None = None
    last_notified_state: State | None = None
    last_notified_at: datetime | None = None
    reminders: int = 0
    # When the state last went between UP and DOWN, oldest first; those older than an hour are let go.
    changes: tuple[datetime, ...] = ()
    is_flapping: bool = False

    @property
    def shown(self) -> State | None:
        """The state that pages and lists show."""
        return State.MAINTENANCE if self.in_maintenance else self.state


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one check did. `outage` is set on the notice that ends one."""

    standing: Standing
    beat_state: State
    is_important: bool = False
    is_degraded: bool = False
    notice: Notice | None = None
    outage: timedelta | None = None


def step(
    before: Standing,
    outcome: Outcome,
    *,
    rules: Rules,
    now: datetime,
    in_maintenance: bool = False,
    is_held_back: bool = False,
) -> Step:
    """The next standing, the beat's state, and what to tell. Source: the transition table of Uptime Kuma and
    Peekaping, without their faults; see tests/monitors/test_states.py.

    `is_held_back`: something that the monitor depends on is down, so nobody is told that this one is."""
    window_changed = in_maintenance != before.in_maintenance
    standing = replace(before, in_maintenance=in_maintenance)
    if outcome == Outcome.UNKNOWN:
        return Step(standing=standing, beat_state=State.NO_DATA, is_important=window_changed)
    standing = judged(standing, outcome, rules=rules, now=now)
    state = standing.state
    if state is None:
        raise ValueError("A check that says something leaves a state.")
    is_important = window_changed or is_turn(before, standing)
    told = Step(
        standing=standing,
        beat_state=State.MAINTENANCE if in_maintenance else state,
        is_important=is_important and (window_changed or not in_maintenance),
        is_degraded=standing.is_degraded,
    )
    if in_maintenance or state == State.PENDING:
        return told
    return with_notice(told, rules=rules, now=now, is_held_back=is_held_back)


def judged(standing: Standing, outcome: Outcome, *, rules: Rules, now: datetime) -> Standing:
    """The standing after a check that says something, before anybody is told."""
    if outcome == Outcome.FAILED:
        return failed(standing, rules=rules, now=now)
    if outcome == Outcome.WAITING:
        return standing if standing.state == State.DOWN else replace(standing, state=State.PENDING)
    successes = standing.successes + 1
    if standing.state == State.DOWN and successes < rules.recovery_successes:
        return replace(standing, successes=successes, is_degraded=False)
    return replace(
        standing,
        state=State.UP,
        retries=0,
        successes=0,
        is_degraded=outcome == Outcome.SLOW,
        changes=noted(standing, now) if standing.state == State.DOWN else recent(standing, now),
    )


def failed(standing: Standing, *, rules: Rules, now: datetime) -> Standing:
    # Counting goes on while DOWN, so that nothing leads from DOWN back to PENDING.
    retries = standing.retries + 1
    standing = replace(standing, retries=retries, successes=0, is_degraded=False)
    if standing.state == State.DOWN:
        return replace(standing, changes=recent(standing, now))
    if retries <= rules.max_retries:
        return replace(standing, state=State.PENDING, changes=recent(standing, now))
    return replace(standing, state=State.DOWN, down_since=now, changes=noted(standing, now))


def recent(standing: Standing, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in standing.changes if now - FLAPPING_WINDOW < at <= now)


def noted(standing: Standing, now: datetime) -> tuple[datetime, ...]:
    return (*recent(standing, now), now)


def is_turn(before: Standing, after: Standing) -> bool:
    """Whether the event list shows this: a first state, DOWN, recovery, and slow or no longer slow."""
    if before.state == after.state:
        return before.is_degraded != after.is_degraded
    if before.state is None or after.state == State.DOWN:
        return True
    # A failure that a retry mended is noise; the end of an outage, or of a first failure, is news.
    return after.state == State.UP and (before.state == State.DOWN or before.last_notified_state is None)


def with_notice(told: Step, *, rules: Rules, now: datetime, is_held_back: bool = False) -> Step:
    """Adds what people hear, if anything, of a state that is settled and outside every window."""
    standing = told.standing
    if is_held_back and standing.state == State.DOWN:
        # What people were told last stays what news is measured against: said once it holds on its own, and
        # an end that follows no notice is none. The end of what was told is never kept back.
        return told
    if standing.is_flapping:
        if standing.changes and now - standing.changes[-1] < SETTLED_AFTER:
            return told
        # What it settled from is over: the next change is news again, not more of the same.
        settled = replace(standing, is_flapping=False, changes=())
        return telling(replace(told, standing=settled), Notice.SETTLED, now)
    # DOWN is 0, so `or` would not do. Before the first notice all is held to be well.
    told_last = State.UP if standing.last_notified_state is None else standing.last_notified_state
    news = standing.state != told_last
    if news and len(standing.changes) >= FLAPPING_CHANGES:
        return telling(replace(told, standing=replace(standing, is_flapping=True)), Notice.FLAPPING, now)
    if news:
        return telling(told, Notice.DOWN if standing.state == State.DOWN else Notice.UP, now)
    if standing.last_notified_state is None:
        # The first UP is no news, but what later states are held against.
        return replace(told, standing=replace(standing, last_notified_state=State.UP, down_since=None))
    if is_reminder_due(standing, rules=rules, now=now):
        reminded = replace(standing, reminders=standing.reminders + 1, last_notified_at=now)
        return replace(told, standing=reminded, notice=Notice.REMINDER)
    if standing.state == State.UP:
        return replace(told, standing=replace(standing, down_since=None))
    return told


def telling(told: Step, notice: Notice, now: datetime) -> Step:
    standing = told.standing
    is_over = standing.state == State.UP and standing.down_since is not None
    outage = now - standing.down_since if is_over and standing.down_since else None
    after = replace(
        standing,
        # While it flaps nobody was told a state to hold on to; what settles is always said.
        last_notified_state=standing.state,
        last_notified_at=now,
        reminders=0,
        down_since=None if standing.state == State.UP else standing.down_since,
    )
    return replace(told, standing=after, notice=notice, outage=outage)


def is_reminder_due(standing: Standing, *, rules: Rules, now: datetime) -> bool:
    if standing.state != State.DOWN or rules.reminder_every is None or standing.last_notified_at is None:
        return False
    return (
        standing.reminders < rules.most_reminders and now - standing.last_notified_at >= rules.reminder_every
    )


def wait_until_next(
    standing: Standing, *, planned: datetime, now: datetime, interval: timedelta, retry_interval: timedelta
) -> datetime:
    """When to check again: `retry_interval` after a failure that may mend, else `interval`.

    Counted from the planned moment, so that time spent checking shifts nothing; what was missed meanwhile
    (a paused machine) is skipped, and the monitor keeps its place within the interval.
    """
    wait = retry_interval if standing.state == State.PENDING else interval
    ahead = planned + wait
    if ahead > now:
        # A clock that was set back leaves plans far ahead.
        return min(ahead, now + wait)
    return planned + wait * ((now - planned) // wait + 1)
