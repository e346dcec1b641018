"""Which channels take what, and when. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from monitor.channels.message import NO_INCIDENT
from monitor.channels.registry import kind_named
from monitor.lib.options import BadConfig
from monitor.models.alerts import Severity
from monitor.models.channels import NotificationChannel

DAY = timedelta(days=1)


class Step(StrEnum):
    SEND = "send"
    # Nobody was told yet that it began: that is called off, and the end need not be told either.
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A channel that takes it, and from when on: later than it happened while the channel is quiet."""

    channel_id: UUID
    at: datetime
    step: Step = Step.SEND


class Told(Protocol):
    """A notification as channels choose by it."""

    @property
    def subject(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def service_id(self) -> UUID | None: ...
    @property
    def environment(self) -> str: ...
    @property
    def is_closing(self) -> bool: ...
    @property
    def happened_at(self) -> datetime: ...


def recipients(
    told: Told, channels: Sequence[NotificationChannel], *, heard: Mapping[UUID, bool]
) -> list[Recipient]:
    """Who takes it.

    The end of an incident goes to those who heard that it began (`heard`, and whether that has left), and to
    nobody else. All else goes to every channel that asks for it and is awake; to the default where there is
    none; and where that is quiet too, it waits for the first hours that are not.
    """
    if told.is_closing:
        mine = [channel for channel in channels if channel.id in heard]
        return [closing(channel, told, has_left=heard[channel.id]) for channel in mine]
    able = [channel for channel in channels if can_say(channel, told)]
    asking = [channel for channel in able if not channel.is_default and asks_for(channel, told)]
    default = [channel for channel in able if channel.is_default]
    for group in (asking, default):
        awake = [channel for channel in group if quiet_until(channel, told) is None]
        if awake:
            return [Recipient(channel_id=channel.id, at=told.happened_at) for channel in awake]
    return [
        Recipient(channel_id=channel.id, at=quiet_until(channel, told) or told.happened_at)
        for channel in asking or default
    ]


def closing(channel: NotificationChannel, told: Told, *, has_left: bool) -> Recipient:
    at = quiet_until(channel, told) or told.happened_at
    return Recipient(channel_id=channel.id, at=at, step=Step.SEND if has_left else Step.CANCEL)


def can_say(channel: NotificationChannel, told: Told) -> bool:
    try:
        kind = kind_named(channel.kind)
    except BadConfig:
        return False
    return not (kind.only_incidents and told.kind in NO_INCIDENT)


def asks_for(channel: NotificationChannel, told: Told) -> bool:
    """Whether it is among what the channel names; naming nothing asks for everything."""
    return (
        chosen(channel.subjects, told.subject)
        and chosen(channel.severities, told.severity)
        and chosen(channel.services, told.service_id)
        and chosen(channel.environments, told.environment)
    )


def chosen(named: Collection[object], each: object) -> bool:
    return not named or each in named


def quiet_until(channel: NotificationChannel, told: Told) -> datetime | None:
    """When the channel's quiet hours end that hold now; None when it is awake for this."""
    if channel.critical_wakes and told.severity == Severity.CRITICAL:
        return None
    return end_of_quiet(channel, now=told.happened_at)


def end_of_quiet(channel: NotificationChannel, *, now: datetime) -> datetime | None:
    """The next moment at which it is not quiet; None when that is now."""
    zone = ZoneInfo(channel.quiet_zone or "UTC")
    at = now
    # Quiet days and the nights between them follow each other: a week and a day is more than any chain.
    for _ in range(16):
        until = end_of_spell(channel, at.astimezone(zone))
        if until is None:
            return at if at > now else None
        at = until.astimezone(now.tzinfo)
    # Every day is quiet: the channel hears of nothing but what wakes it.
    return now + 7 * DAY


def end_of_spell(channel: NotificationChannel, local: datetime) -> datetime | None:
    """When the quiet day or night ends that this moment, in the channel's zone, lies in."""
    midnight = datetime.combine(local.date(), time(), tzinfo=local.tzinfo)
    if local.weekday() in channel.quiet_days:
        return midnight + DAY
    start, end = channel.quiet_from, channel.quiet_until
    if start is None or end is None or start == end:
        return None
    clock = local.time().replace(tzinfo=None)
    if start < end:
        return datetime.combine(local.date(), end, tzinfo=local.tzinfo) if start <= clock < end else None
    if clock < end:
        return datetime.combine(local.date(), end, tzinfo=local.tzinfo)
    return datetime.combine(local.date() + DAY, end, tzinfo=local.tzinfo) if clock >= start else None
