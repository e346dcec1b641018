"""What checks found becomes beats, standings, sums and notices, in one transaction.

A check whose claim is no longer ours (its lease ran out, and another prober has it) is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from monitor.lib import payload
from monitor.lib.ids import moment_of, uuid7_at
from monitor.lib.kept_text import storable
from monitor.models import Beat, Monitor, MonitorCheck, MonitorStanding
from monitor.models.keys import Mode
from monitor.monitors.days import be_ready_for
from monitor.monitors.hours import Spell, add_to_hours
from monitor.monitors.maintenance import Maintained, maintained_within
from monitor.monitors.recent import RecentBeat, packed_with
from monitor.monitors.states import Rules, Standing, State, Step, step, wait_until_next
from monitor.monitors.telling import Change, tell
from monitor.probing.finding import Finding, Outcome
from monitor.usage import Use, record_use

MESSAGE_CHARACTERS = 512
# A state is held to last until the next check, and no longer than this many intervals after the last.
HOLDS_FOR_INTERVALS = 3


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A finding, and whose it is. `claim` None: nobody had to claim it (a ping)."""

    check_id: UUID
    claim: UUID | None
    monitor_id: UUID
    planned_at: datetime
    checked_at: datetime
    finding: Finding
    # Overrides when the monitor is looked at again; a push monitor knows better than its interval.
    next_check_at: datetime | None = None


@dataclass(kw_only=True)
class Held:
    """What one monitor's checks work on while its rows are locked."""

    monitor: Monitor
    row: MonitorStanding
    standing: Standing
    checks: list[MonitorCheck]


@transaction.atomic
def keep(
    checked: Sequence[Checked], *, now: datetime, maintained: Iterable[UUID] | None = None
) -> list[Beat]:
    """The beats that were kept. `maintained` are the monitors inside a maintenance window; left out, their
    plans are asked."""
    held = hold({each.monitor_id for each in checked})
    planned = windows_over(checked, held) if maintained is None else Maintained.throughout(maintained)
    needed = dependencies_of(held)
    beats: list[Beat] = []
    changes: list[Change] = []
    spells: list[Spell] = []
    touched: list[MonitorCheck] = []
    for each in sorted(checked, key=lambda each: each.checked_at):
        mine = held.get(each.monitor_id)
        check = next((row for row in mine.checks if row.id == each.check_id), None) if mine else None
        if mine is None or check is None or not check.is_active or is_anothers(check, each):
            continue
        spells.extend(spell_until(mine, each.checked_at))
        outcome = agreed(mine, check, each)
        taken = step(
            mine.standing,
            outcome,
            rules=rules_of(mine, check),
            now=each.checked_at,
            in_maintenance=planned.holds(each.monitor_id, each.checked_at),
            is_held_back=any(is_down(other, held) for other in needed.get(each.monitor_id, ())),
        )
        beat = beat_of(mine, check, each, taken)
        beats.append(beat)
        spells.append(counted(mine.monitor, beat, each))
        if taken.notice is not None and taken.standing.state is not None:
            changes.append(
                Change(
                    monitor=mine.monitor,
                    notice=taken.notice,
                    state=taken.standing.state,
                    message=beat.message,
                    outage=taken.outage,
                    beat_id=beat.id,
                    at=each.checked_at,
                )
            )
        note_step(mine, taken, each, beat)
        plan_next(mine, check, each, now=now)
        touched.append(check)
    write(beats, [mine.row for mine in held.values()], touched, spells)
    record_checks(beats, {id_: mine.monitor.organization_id for id_, mine in held.items()})
    tell(changes)
    return beats


def windows_over(checked: Sequence[Checked], held: Mapping[UUID, Held]) -> Maintained:
    """The maintenance windows that are open at some of these checks."""
    moments = [each.checked_at for each in checked]
    monitors = [mine.monitor for mine in held.values()]
    if not monitors:
        return Maintained(windows_of={})
    return maintained_within(monitors, since=min(moments), until=max(moments))


def dependencies_of(held: Mapping[UUID, Held]) -> dict[UUID, list[MonitorStanding]]:
    """How the monitors stand that these depend on: one hop, and those that are checked alone."""
    found: dict[UUID, list[MonitorStanding]] = defaultdict(list)
    for link in Monitor.depends_on.through.objects.filter(
        from_monitor__in=list(held), to_monitor__is_active=True
    ).select_related("to_monitor__standing"):
        found[link.from_monitor_id].append(link.to_monitor.standing)
    return found


def is_down(other: MonitorStanding, held: Mapping[UUID, Held]) -> bool:
    """As known now: what is kept in the same batch counts. What nobody looks at any more excuses nothing."""
    mine = held.get(other.monitor_id)
    state = mine.standing.state if mine is not None else other.state
    return state == State.DOWN and other.silent_since is None


def is_anothers(check: MonitorCheck, each: Checked) -> bool:
    """Whether the check was taken by somebody else since, or done: a ping ends the look at its lateness."""
    return each.claim is not None and check.claim != each.claim


def hold(monitor_ids: Iterable[UUID]) -> dict[UUID, Held]:
    """Their rows, locked in one order, so that two that keep at once wait and never block each other."""
    rows = {
        row.monitor_id: row
        for row in MonitorStanding.objects.select_for_update()
        .filter(monitor__in=list(monitor_ids))
        .order_by("monitor_id")
    }
    checks: dict[UUID, list[MonitorCheck]] = defaultdict(list)
    for check in (
        MonitorCheck.objects.select_for_update()
        .filter(monitor__in=list(rows))
        .order_by("monitor_id", "region")
    ):
        checks[check.monitor_id].append(check)
    monitors = Monitor.objects.defer("config", "sealed", "description").in_bulk(list(rows))
    return {
        id_: Held(monitor=monitor, row=rows[id_], standing=standing_of(rows[id_]), checks=checks[id_])
        for id_, monitor in monitors.items()
    }


def standing_of(row: MonitorStanding) -> Standing:
    """The row as the state machine knows it."""
    return Standing(
        state=None if row.state is None else State(row.state),
        is_degraded=row.is_degraded,
        in_maintenance=row.in_maintenance,
        retries=row.retries,
        successes=row.successes,
        down_since=row.down_since,
        last_notified_state=None if row.last_notified_state is None else State(row.last_notified_state),
        last_notified_at=row.last_notified_at,
        reminders=row.reminders,
        changes=tuple(row.changes),
        is_flapping=row.is_flapping,
    )


def agreed(mine: Held, check: MonitorCheck, each: Checked) -> Outcome:
    """What the regions say together: failed once as many as `down_regions` fail."""
    finding = each.finding
    outcome = finding.outcome
    limit = mine.monitor.degraded_ms
    if outcome == Outcome.OK and limit and finding.response_ms is not None and finding.response_ms > limit:
        outcome = Outcome.SLOW
    if outcome != Outcome.UNKNOWN:
        check.is_failing = outcome == Outcome.FAILED
        check.checked_at = each.checked_at
    if len(mine.checks) < 2 or outcome == Outcome.UNKNOWN:
        return outcome
    failing = len(failing_checks(mine, each.checked_at))
    if failing >= min(mine.monitor.down_regions, len(mine.checks)):
        return Outcome.FAILED
    return Outcome.OK if outcome == Outcome.FAILED else outcome


def failing_checks(mine: Held, now: datetime) -> list[MonitorCheck]:
    """The regions whose newest look failed; one that fell silent has no say."""
    fresh = now - HOLDS_FOR_INTERVALS * timedelta(seconds=mine.monitor.interval_s)
    return [
        row
        for row in mine.checks
        if row.is_active and row.is_failing and row.checked_at is not None and row.checked_at > fresh
    ]


def rules_of(mine: Held, check: MonitorCheck) -> Rules:
    monitor = mine.monitor
    retries = monitor.max_retries
    if len(mine.checks) > 1:
        # Each failing region looks again once a round, and retries count rounds.
        at = check.checked_at or datetime.now(UTC)
        retries *= max(len(failing_checks(mine, at)), 1)
    return Rules(
        max_retries=retries,
        recovery_successes=monitor.recovery_successes,
        reminder_every=timedelta(minutes=monitor.reminder_minutes) if monitor.reminder_minutes else None,
        most_reminders=monitor.most_reminders,
    )


def beat_of(mine: Held, check: MonitorCheck, each: Checked, taken: Step) -> Beat:
    finding = each.finding
    message = finding.message
    if len(mine.checks) > 1 and (failing := failing_checks(mine, each.checked_at)):
        message = f"Failing in {len(failing)} of {len(mine.checks)} regions. {message}"
    detail = dict(finding.detail)
    return Beat(
        id=uuid7_at(each.checked_at.astimezone(UTC)),
        monitor_id=each.monitor_id,
        state=taken.beat_state,
        is_important=taken.is_important,
        is_degraded=taken.is_degraded and taken.beat_state == State.UP,
        retries=min(taken.standing.retries, 32_767),
        region=check.region,
        response_ms=finding.response_ms,
        phases_ms=finding.phases.listed() if finding.phases else None,
        message=storable(message)[:MESSAGE_CHARACTERS],
        detail=payload.pack(_storable(detail)) if detail else None,
    )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def spell_until(mine: Held, until: datetime) -> list[Spell]:
    """The time since the last check that said something, in the state that it left."""
    row = mine.row
    shown = mine.standing.shown
    if row.last_known_at is None or shown is None or until <= row.last_known_at:
        return []
    end = until
    if mine.monitor.kind != "push":
        longest = timedelta(seconds=HOLDS_FOR_INTERVALS * mine.monitor.interval_s + mine.monitor.timeout_s)
        end = min(until, row.last_known_at + longest)
    return [Spell(monitor_id=mine.monitor.id, state=shown, start=row.last_known_at, end=end)]


def counted(monitor: Monitor, beat: Beat, each: Checked) -> Spell:
    """The check itself, which takes no time of its own in the sums."""
    at = each.checked_at
    return Spell(
        monitor_id=monitor.id,
        state=State(beat.state),
        start=at,
        end=at,
        checks=0 if each.finding.outcome == Outcome.UNKNOWN else 1,
        failures=1 if each.finding.outcome == Outcome.FAILED else 0,
        response_ms=None if each.finding.outcome == Outcome.FAILED else each.finding.response_ms,
    )


def note_step(mine: Held, taken: Step, each: Checked, beat: Beat) -> None:
    row, standing, at = mine.row, taken.standing, each.checked_at
    if standing.shown != mine.standing.shown or row.since is None:
        row.since = at
    mine.standing = standing
    for name in STEPPED:
        setattr(row, name, getattr(standing, name))
    row.changes = list(standing.changes)
    row.last_beat_at = at
    row.silent_since = None
    row.message = beat.message
    if each.finding.outcome != Outcome.UNKNOWN:
        row.last_known_at = at
        row.response_ms = beat.response_ms
    if each.finding.certificate_until is not None:
        row.certificate_until = each.finding.certificate_until
    row.recent = packed_with(
        bytes(row.recent),
        [RecentBeat(at=at, state=beat.state, is_degraded=beat.is_degraded, response_ms=beat.response_ms)],
    )


def plan_next(mine: Held, check: MonitorCheck, each: Checked, *, now: datetime) -> None:
    monitor = mine.monitor
    check.next_check_at = each.next_check_at or wait_until_next(
        mine.standing,
        planned=each.planned_at,
        now=now,
        interval=timedelta(seconds=monitor.interval_s),
        retry_interval=timedelta(seconds=monitor.retry_interval_s),
    )
    check.claim = check.planned_at = None


# --- Writing -----------------------------------------------------------------------------------------------

STEPPED = (
    "state",
    "is_degraded",
    "in_maintenance",
    "is_flapping",
    "retries",
    "successes",
    "down_since",
    "last_notified_state",
    "last_notified_at",
    "reminders",
)
WRITTEN = (
    *STEPPED,
    "changes",
    "since",
    "last_beat_at",
    "last_known_at",
    "message",
    "response_ms",
    "certificate_until",
    "recent",
    "silent_since",
)
# executemany is one round trip with psycopg 3; Django's bulk_update would send a CASE for each row and field.
UPDATE_STANDING = (
    f"UPDATE monitor_standing SET {', '.join(f'{name} = %s' for name in WRITTEN)} WHERE monitor_id = %s"  # noqa: S608 - our own names
)
UPDATE_CHECK = (
    "UPDATE monitor_check SET next_check_at = %s, planned_at = NULL, claim = NULL, checked_at = %s,"
    " is_failing = %s WHERE id = %s"
)


def record_checks(beats: Sequence[Beat], owners: Mapping[UUID, UUID]) -> None:
    """Each beat is a check that its organization used."""
    checks = Counter((owners[beat.monitor_id], moment_of(beat.id).date()) for beat in beats)
    record_use(
        Use(organization_id=organization_id, mode=Mode.LIVE, day=day, checks=number)
        for (organization_id, day), number in checks.items()
    )


def write(
    beats: Sequence[Beat],
    rows: Sequence[MonitorStanding],
    checks: Sequence[MonitorCheck],
    spells: Sequence[Spell],
) -> None:
    if not beats:
        return
    be_ready_for([moment_of(beat.id) for beat in beats])
    Beat.objects.bulk_create(beats)
    kept = {beat.monitor_id for beat in beats}
    with connection.cursor() as cursor:
        cursor.executemany(
            UPDATE_STANDING,
            [
                [*(_plain(getattr(row, name)) for name in WRITTEN), row.monitor_id]
                for row in rows
                if row.monitor_id in kept
            ],
        )
        cursor.executemany(
            UPDATE_CHECK,
            [[check.next_check_at, check.checked_at, check.is_failing, check.id] for check in checks],
        )
    add_to_hours(spells)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, State) else value
