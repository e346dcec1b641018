"""What checks found becomes beats, standings, sums and notices, in one transaction.

Three statements where nothing is told, however many checks: rows are locked and read (holding), and all is
written at once (writing).

A check whose claim is no longer ours (its lease ran out, and another prober has it) is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from monitor.audit import note_blocked
from monitor.lib import payload
from monitor.lib.ids import moment_of, uuid7_at
from monitor.lib.kept_text import storable
from monitor.lib.rows import bytea
from monitor.models import Beat, Monitor, MonitorStanding
from monitor.monitors.days import be_ready_for
from monitor.monitors.groups import look_again_at_groups
from monitor.monitors.holding import CheckRow, Held, hold
from monitor.monitors.hours import Spell, hours_of
from monitor.monitors.maintenance import Maintained, maintained_within
from monitor.monitors.recent import RecentBeat, packed
from monitor.monitors.states import Rules, State, Step, step, wait_until_next
from monitor.monitors.telling import Change, tell
from monitor.monitors.writing import UsedRow, write
from monitor.probing.finding import Finding, Outcome

MESSAGE_CHARACTERS = 512
# A state is held to last until the next check, and no longer than this many intervals after the last.
HOLDS_FOR_INTERVALS = 3
# What a step may change of a row, by the same names on both.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A finding, and whose it is. `check_id` and `claim` None: nobody had to claim it (a ping), and it counts
    for whichever look at the monitor is active."""

    check_id: UUID | None
    claim: UUID | None
    monitor_id: UUID
    planned_at: datetime
    checked_at: datetime
    finding: Finding
    # Overrides when the monitor is looked at again; a push monitor knows better than its interval.
    next_check_at: datetime | None = None
    # When its schedule has it looked at next; a retry may come before.
    scheduled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A step that people are to hear of."""

    monitor_id: UUID
    taken: Step
    beat: Beat
    at: datetime


def keep(
    checked: Sequence[Checked], *, now: datetime, maintained: Iterable[UUID] | None = None
) -> list[Beat]:
    """The beats that were kept. `maintained` are the monitors inside a maintenance window; left out, their
    plans are asked."""
    if not checked:
        return []
    with transaction.atomic():
        return keep_within(checked, now=now, maintained=maintained)


def keep_within(
    checked: Sequence[Checked], *, now: datetime, maintained: Iterable[UUID] | None = None
) -> list[Beat]:
    """The same in the caller's transaction, which an exception must end: there is no savepoint."""
    held = hold({each.monitor_id for each in checked})
    planned = windows_over(checked, held) if maintained is None else Maintained.throughout(maintained)
    needed = dependencies_of(held)
    beats: list[Beat] = []
    told: list[Told] = []
    spells: list[Spell] = []
    touched: dict[UUID, CheckRow] = {}
    turned: set[UUID | None] = set()
    for each in sorted(checked, key=lambda each: each.checked_at):
        mine = held.get(each.monitor_id)
        check = check_of(mine, each) if mine else None
        if mine is None or check is None or is_anothers(check, each):
            continue
        spells.extend(spell_until(mine, each.checked_at))
        taken = step(
            mine.standing,
            agreed(mine, check, each),
            rules=rules_of(mine, check),
            now=each.checked_at,
            in_maintenance=planned.holds(each.monitor_id, each.checked_at),
            is_held_back=any(is_down(other, held) for other in needed.get(each.monitor_id, ())),
        )
        beat = beat_of(mine, check, each, taken)
        beats.append(beat)
        spells.append(counted(beat, each))
        if taken.notice is not None:
            told.append(Told(monitor_id=each.monitor_id, taken=taken, beat=beat, at=each.checked_at))
        if taken.standing.shown != mine.standing.shown:
            turned.add(mine.terms.parent_id)
        note_step(mine, taken, each, beat)
        plan_next(mine, check, each, now=now)
        touched[check.id] = check
    if beats:
        write_down(beats, held, list(touched.values()), spells)
    if told:
        tell(changes_of(told))
    look_again_at_groups(turned, now=now)
    if blocked := {each.monitor_id for each in checked if each.finding.is_blocked} & held.keys():
        note_blocked_monitors(blocked)
    return beats


def note_blocked_monitors(monitor_ids: Iterable[UUID]) -> None:
    """For the audit log, a row an hour each: such a monitor is looked at on and on."""
    found = Monitor.objects.filter(id__in=monitor_ids).values_list("id", "name", "organization_id")
    for id_, name, organization_id in found.order_by("id"):
        note_blocked(organization_id=organization_id, target_type="monitor", target_id=id_, target_label=name)


def check_of(mine: Held, each: Checked) -> CheckRow | None:
    """The look that it is the finding of, while that is active."""
    if each.check_id is None:
        return next((row for row in mine.checks if row.is_active), None)
    return next((row for row in mine.checks if row.id == each.check_id and row.is_active), None)


def write_down(
    beats: Sequence[Beat], held: Mapping[UUID, Held], checks: Sequence[CheckRow], spells: Sequence[Spell]
) -> None:
    moments = [moment_of(beat.id) for beat in beats]
    be_ready_for(moments)
    changed = [held[id_] for id_ in {beat.monitor_id for beat in beats}]
    for mine in changed:
        mine.row.added = bytea(mine.packed)
    # Each beat is a check that its organization used.
    used = Counter(
        (held[beat.monitor_id].terms.organization_id, moment.date())
        for beat, moment in zip(beats, moments, strict=True)
    )
    write(
        beats,
        [mine.row for mine in changed],
        checks,
        hours_of(spells),
        [UsedRow(organization_id, day, number) for (organization_id, day), number in used.items()],
    )


def changes_of(told: Sequence[Told]) -> list[Change]:
    """What is told, with the monitors as people know them: read here, as most checks tell nothing."""
    monitors = Monitor.objects.in_bulk({each.monitor_id for each in told})
    return [
        Change(
            monitor=monitors[each.monitor_id],
            notice=each.taken.notice,
            state=each.taken.standing.state,
            message=each.beat.message,
            outage=each.taken.outage,
            beat_id=each.beat.id,
            at=each.at,
        )
        for each in told
        if each.taken.notice is not None
        and each.taken.standing.state is not None
        and each.monitor_id in monitors
    ]


def windows_over(checked: Sequence[Checked], held: Mapping[UUID, Held]) -> Maintained:
    """The maintenance windows that are open at some of these checks."""
    terms = [mine.terms for mine in held.values() if mine.terms.may_be_maintained]
    if not terms:
        return Maintained(windows_of={})
    moments = [each.checked_at for each in checked]
    return maintained_within(terms, since=min(moments), until=max(moments))


def dependencies_of(held: Mapping[UUID, Held]) -> dict[UUID, list[MonitorStanding]]:
    """How the monitors stand that these depend on: one hop, and those that are checked alone."""
    found: dict[UUID, list[MonitorStanding]] = defaultdict(list)
    needing = [id_ for id_, mine in held.items() if mine.terms.has_needs]
    if not needing:
        return found
    for link in Monitor.depends_on.through.objects.filter(
        from_monitor__in=needing, to_monitor__is_active=True
    ).select_related("to_monitor__standing"):
        found[link.from_monitor_id].append(link.to_monitor.standing)
    return found


def is_down(other: MonitorStanding, held: Mapping[UUID, Held]) -> bool:
    """As known now: what is kept in the same batch counts. What nobody looks at any more excuses nothing."""
    mine = held.get(other.monitor_id)
    state = mine.standing.state if mine is not None else other.state
    return state == State.DOWN and other.silent_since is None


def is_anothers(check: CheckRow, each: Checked) -> bool:
    """Whether the check was taken by somebody else since, or done: a ping ends the look at its lateness."""
    return each.claim is not None and check.claim != each.claim


def agreed(mine: Held, check: CheckRow, each: Checked) -> Outcome:
    """What the regions say together: failed once as many as `down_regions` fail."""
    finding = each.finding
    outcome = finding.outcome
    limit = mine.terms.degraded_ms
    if outcome == Outcome.OK and limit and finding.response_ms is not None and finding.response_ms > limit:
        outcome = Outcome.SLOW
    if outcome != Outcome.UNKNOWN:
        check.is_failing = outcome == Outcome.FAILED
        check.checked_at = each.checked_at
    if len(mine.checks) < 2 or outcome == Outcome.UNKNOWN:
        return outcome
    failing = len(failing_checks(mine, each.checked_at))
    if failing >= min(mine.terms.down_regions, len(mine.checks)):
        return Outcome.FAILED
    return Outcome.OK if outcome == Outcome.FAILED else outcome


def failing_checks(mine: Held, now: datetime) -> list[CheckRow]:
    """The regions whose newest look failed; one that fell silent has no say."""
    fresh = now - HOLDS_FOR_INTERVALS * timedelta(seconds=mine.terms.interval_s)
    return [
        row
        for row in mine.checks
        if row.is_active and row.is_failing and row.checked_at is not None and row.checked_at > fresh
    ]


def rules_of(mine: Held, check: CheckRow) -> Rules:
    terms = mine.terms
    retries = terms.max_retries
    if len(mine.checks) > 1:
        # Each failing region looks again once a round, and retries count rounds.
        at = check.checked_at or datetime.now(UTC)
        retries *= max(len(failing_checks(mine, at)), 1)
    return Rules(
        max_retries=retries,
        recovery_successes=terms.recovery_successes,
        reminder_every=timedelta(minutes=terms.reminder_minutes) if terms.reminder_minutes else None,
        most_reminders=terms.most_reminders,
    )


def beat_of(mine: Held, check: CheckRow, each: Checked, taken: Step) -> Beat:
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
    if mine.terms.kind != "push":
        longest = timedelta(seconds=HOLDS_FOR_INTERVALS * mine.terms.interval_s + mine.terms.timeout_s)
        end = min(until, row.last_known_at + longest)
    return [Spell(monitor_id=mine.terms.id, state=shown, start=row.last_known_at, end=end)]


def counted(beat: Beat, each: Checked) -> Spell:
    """The check itself, which takes no time of its own in the sums."""
    at = each.checked_at
    return Spell(
        monitor_id=each.monitor_id,
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
    row.message = beat.message
    if each.finding.outcome != Outcome.UNKNOWN:
        row.last_known_at = at
        row.response_ms = beat.response_ms
    if each.finding.certificate_until is not None:
        row.certificate_until = each.finding.certificate_until
    mine.packed += packed(
        [RecentBeat(at=at, state=beat.state, is_degraded=beat.is_degraded, response_ms=beat.response_ms)]
    )


def plan_next(mine: Held, check: CheckRow, each: Checked, *, now: datetime) -> None:
    terms = mine.terms
    check.next_check_at = each.next_check_at or wait_until_next(
        mine.standing,
        planned=each.planned_at,
        now=now,
        interval=timedelta(seconds=terms.interval_s),
        retry_interval=timedelta(seconds=terms.retry_interval_s),
    )
    if each.scheduled_at is not None:
        is_retry = mine.standing.state == State.PENDING and check.next_check_at < each.scheduled_at
        check.next_check_at = check.next_check_at if is_retry else each.scheduled_at
    check.claim = None
