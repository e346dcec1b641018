"""From one minute to the next: how a group stands after a verdict. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.models.alert_groups import GroupState

# So long what is over is shown as resolved.
RESOLVED_FOR = timedelta(hours=1)


class Verdict(StrEnum):
    """What an evaluation says. Unknown: too few requests to tell; failed: it could not be made."""

    CALM = "calm"
    BREACH = "breach"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A state and since when; since when the value is beyond the threshold, and when it became an incident.

    An incident outlives windows without data and failures: neither says that it is over.
    """

    state: GroupState
    since: datetime
    breaching_since: datetime | None = None
    fired_at: datetime | None = None


def stand(
    before: Standing | None, verdict: Verdict, *, now: datetime, wait: timedelta, is_silenced: bool = False
) -> Standing:
    """How the group stands now. `wait` is how long it must be beyond the threshold before it fires."""
    fired_at = before.fired_at if before else None
    breaching_since = before.breaching_since if before else None
    if verdict == Verdict.BREACH:
        breaching_since = breaching_since or now
        if fired_at is None and now - breaching_since >= wait:
            fired_at = now
        if fired_at is None:
            state = GroupState.PENDING
        else:
            state = GroupState.MUTED if is_silenced else GroupState.FIRING
    elif verdict == Verdict.CALM:
        state = _calm(before, now=now)
        breaching_since = fired_at = None
    elif verdict == Verdict.UNKNOWN:
        # What was not seen to go on cannot have gone on for long enough.
        state, breaching_since = GroupState.NO_DATA, None
    else:
        state = GroupState.ERROR
    since = before.since if before and before.state == state else now
    return Standing(state=state, since=since, breaching_since=breaching_since, fired_at=fired_at)


def _calm(before: Standing | None, *, now: datetime) -> GroupState:
    if before is None:
        return GroupState.OK
    if before.fired_at is not None:
        return GroupState.RESOLVED
    is_fresh = before.state == GroupState.RESOLVED and now - before.since < RESOLVED_FOR
    return GroupState.RESOLVED if is_fresh else GroupState.OK
