"""Silences and acknowledgements: people say that they know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.exceptions import PermissionDenied

from monitor.api.permissions import check_service, require
from monitor.lib.actors import Actor, Scope
from monitor.models import AlertGroup, AlertRule, AlertSilence
from monitor.models.alert_groups import GroupState

MAX_SILENCE = timedelta(days=365)
MAX_ACKNOWLEDGED = timedelta(days=7)
OTHER_SERVICE = "This silence is of the whole organization: a key of one service has no say in it."
OPEN = (GroupState.FIRING, GroupState.MUTED, GroupState.NO_DATA, GroupState.ERROR)


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """All that keeps alerts from being told at one moment. Whatever else should, as a maintenance of
    monitors, has its place here: rounds, matches and news ask nothing but `covers`."""

    silences: Sequence[AlertSilence] = ()

    def covers(self, rule: AlertRule, group: str = "") -> bool:
        """Whether what the rule says of this group, or of the whole, is to be kept and not told."""
        return any(silence.matches(rule, group) for silence in self.silences)


def quiet_at(now: datetime) -> Quiet:
    """By one statement, for all rules."""
    return Quiet(silences=list(AlertSilence.objects.active(now)))


def silenced_at(now: datetime) -> Callable[[AlertRule], bool]:
    """Whether a rule is silenced then. Reads the silences when it is first asked: ingestion, where nobody
    listens for what fires, pays nothing."""
    read = cache(lambda: quiet_at(now))
    return lambda rule: read().covers(rule)


class BadSilence(ValueError):
    """A silence that says nothing. `field` is at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def make_silence(
    *, organization_id: UUID, said: Mapping[str, Any], made_by: str, now: datetime
) -> AlertSilence:
    """A silence from `starts_at` (now, when left out) to `ends_at`. Raises BadSilence."""
    starts_at = said.get("starts_at") or now
    ends_at = said["ends_at"]
    if ends_at <= max(starts_at, now):
        raise BadSilence("ends_at", "It ends before it begins, or is over already.")
    if ends_at - starts_at > MAX_SILENCE:
        raise BadSilence("ends_at", "At most a year: pause the rule instead.")
    return AlertSilence.objects.create(
        organization_id=organization_id,
        created_by=made_by,
        **{**said, "starts_at": starts_at},
    )


def end_silence(silence: AlertSilence, *, now: datetime) -> None:
    """It ends now; one that has not begun will not. What has ended stays as it was."""
    if silence.ends_at > now:
        silence.starts_at, silence.ends_at = min(silence.starts_at, now), now
        silence.save(update_fields=["starts_at", "ends_at"])


def reach_silence(actor: Actor, silence_id: UUID, scope: Scope) -> AlertSilence:
    """The silence, when the actor may do this to it: 404 beyond its organizations, else 403."""
    silence = (
        AlertSilence.objects.filter(id=silence_id, organization__in=list(actor.grants))
        .select_related("service", "rule")
        .first()
    )
    if silence is None:
        raise Http404("No such silence.")
    if silence.service is not None:
        check_service(actor, silence.service, scope)
    elif actor.service_id is not None and scope != Scope.READ:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, silence.organization_id)
    return silence


def acknowledge(rule: AlertRule, *, group: str | None, until: datetime, by: str) -> int:
    """Take the open incidents of the rule, or of one group, as known until then. Gives how many there are."""
    groups = AlertGroup.objects.filter(rule=rule, state__in=OPEN).exclude(fired_at=None)
    if group is not None:
        groups = groups.filter(label=group)
    return groups.update(acknowledged_until=until, acknowledged_by=by)
