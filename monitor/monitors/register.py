"""Make, change, copy and pause monitors; what these leave behind can be checked at once."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from monitor.models import Monitor, MonitorCheck, MonitorStanding
from monitor.models.monitors import MAX_INTERVAL_S, MIN_INTERVAL_S, SETTINGS
from monitor.monitors.config import put_config, takes_proxy
from monitor.monitors.groups import look_again_at_groups
from monitor.monitors.internal import prepare
from monitor.monitors.tags import note_tags
from monitor.probing import BadConfig, kind_named
from monitor.probing.schedules import longest_wait

# New monitors and those that go on are first checked within this time, spread, and not all at once.
FIRST_CHECK_WITHIN_S = 5
COPIED = (
    "organization",
    "service",
    "parent",
    "proxy",
    "description",
    "kind",
    "config",
    "sealed",
    *SETTINGS,
)


def settle_interval(monitor: Monitor) -> None:
    """Of one that is looked at by the clock, the interval is its longest wait: what a state is held to last,
    and what is late, are told by it. Raises BadConfig for one that waits too long."""
    schedule = kind_named(monitor.kind).schedule(monitor.config)
    if schedule is None:
        return
    longest = longest_wait(schedule, most=timedelta(seconds=MAX_INTERVAL_S))
    monitor.interval_s = max(int(longest.total_seconds()), MIN_INTERVAL_S)
    if monitor.interval_s > MAX_INTERVAL_S:
        raise BadConfig("It has to run every 31 days at least.", field="cron")


def check_times(monitor: Monitor) -> None:
    """Raises BadConfig for times that would let checks of one monitor overlap."""
    if not kind_named(monitor.kind).is_internal and monitor.timeout_s > monitor.interval_s:
        raise BadConfig("A check must be over before the next: at most the interval.", field="timeout_s")


def check_proxy(monitor: Monitor) -> None:
    """Raises BadConfig for a proxy that the kind does not use, and for two at once."""
    if monitor.proxy is None:
        return
    if not takes_proxy(kind_named(monitor.kind)):
        raise BadConfig("Checks of this kind go through no proxy.", field="proxy_id")
    if monitor.config.get("proxy", {}).get("url"):
        raise BadConfig("The options name a proxy of their own: one or the other.", field="proxy_id")


@transaction.atomic
def make_monitor(
    monitor: Monitor, config: Mapping[str, Any], *, now: datetime, depends_on_ids: Iterable[UUID] = ()
) -> Monitor:
    """Save a new monitor with these options, ready to be checked. Raises BadConfig."""
    put_config(monitor, config)
    settle_interval(monitor)
    check_times(monitor)
    check_proxy(monitor)
    monitor.save(force_insert=True)
    if depends_on_ids:
        put_dependencies(monitor, depends_on_ids)
    note_tags(monitor.organization_id, monitor.tags)
    make_ready(monitor, now=now)
    return monitor


def make_ready(monitor: Monitor, *, now: datetime) -> None:
    MonitorStanding.objects.create(monitor=monitor)
    sync_checks(monitor, now=now)
    prepare(monitor, now=now)


@transaction.atomic
def change_monitor(
    monitor: Monitor, fields: Mapping[str, Any], config: Mapping[str, Any] | None, *, now: datetime
) -> Monitor:
    """Change what is named. A check follows soon, so that a mistake shows at once. Raises BadConfig."""
    changes, group_before = dict(fields), monitor.parent_id
    depends_on_ids = changes.pop("depends_on_ids", None)
    for name, value in changes.items():
        setattr(monitor, name, value)
    if config is not None:
        put_config(monitor, config)
    settle_interval(monitor)
    check_times(monitor)
    check_proxy(monitor)
    monitor.save()
    if depends_on_ids is not None:
        put_dependencies(monitor, depends_on_ids)
    if "tags" in fields:
        note_tags(monitor.organization_id, monitor.tags)
    sync_checks(monitor, now=now)
    prepare(monitor, now=now)
    if monitor.parent_id != group_before:
        look_again_at_groups([group_before, monitor.parent_id], now=now)
    return monitor


def sync_checks(monitor: Monitor, *, now: datetime) -> None:
    """One due row for each region, and none of those that are no longer asked for."""
    wanted = list(dict.fromkeys(monitor.regions)) or [""]
    schedule = kind_named(monitor.kind).schedule(monitor.config)
    # What is looked at by the clock is not looked at otherwise: it may be a burden, or wake somebody.
    next_check_at = now + spread(monitor.id) if schedule is None else schedule.next_after(now)
    MonitorCheck.objects.filter(monitor=monitor).exclude(region__in=wanted).delete()
    for region in wanted:
        MonitorCheck.objects.update_or_create(
            monitor=monitor,
            region=region,
            defaults={
                "is_active": monitor.is_active,
                "next_check_at": next_check_at,
                "claim": None,
                "planned_at": None,
            },
        )


def spread(monitor_id: UUID) -> timedelta:
    """A monitor's own place within the first seconds: a thousand made at once do not start at once."""
    digest = hashlib.blake2b(monitor_id.bytes, digest_size=4).digest()
    return timedelta(seconds=int.from_bytes(digest) / 2**32 * FIRST_CHECK_WITHIN_S)


@transaction.atomic
def set_active(monitors: Iterable[Monitor], *, is_active: bool, now: datetime) -> int:
    """Pause monitors, or let paused ones go on. Gives how many changed."""
    changed = [monitor for monitor in monitors if monitor.is_active != is_active]
    for monitor in changed:
        monitor.is_active = is_active
        monitor.save(update_fields=["is_active", "updated_at"])
        sync_checks(monitor, now=now)
        # While paused nobody looks, so the time counts as nothing, and no outage is told from before it.
        MonitorStanding.objects.filter(monitor=monitor).update(last_known_at=None, silent_since=None)
        if is_active:
            prepare(monitor, now=now)
    look_again_at_groups([monitor.parent_id for monitor in changed], now=now)
    return len(changed)


@transaction.atomic
def clone_monitor(monitor: Monitor, *, name: str, now: datetime) -> Monitor:
    """A paused copy with the same options, secrets included, and a history of its own."""
    copy = Monitor(**{field: getattr(monitor, field) for field in COPIED}, name=name, is_active=False)
    if copy.kind == "push":
        # An address belongs to one monitor; the copy has its token.
        copy.config = {**copy.config, "slug": ""}
    copy.save(force_insert=True)
    copy.depends_on.set(monitor.depends_on.all())
    make_ready(copy, now=now)
    return copy


def put_dependencies(monitor: Monitor, ids: Iterable[UUID]) -> None:
    """What it depends on. Raises BadConfig for what is no monitor of its organization, and for a ring: all in
    it would wait for each other, and nobody would be told."""
    asked = set(ids)
    homes = Monitor.objects.filter(organization=monitor.organization_id)
    if homes.filter(id__in=asked).count() != len(asked):
        raise BadConfig("No such monitor in the organization.", field="depends_on_ids")
    links = Monitor.depends_on.through.objects.filter(from_monitor__organization=monitor.organization_id)
    below: dict[UUID, set[UUID]] = {}
    for from_id, to_id in links.values_list("from_monitor_id", "to_monitor_id"):
        below.setdefault(from_id, set()).add(to_id)
    reached, ahead = set(asked), list(asked)
    while ahead:
        fresh = below.get(ahead.pop(), set()) - reached
        reached |= fresh
        ahead.extend(fresh)
    if monitor.id in reached:
        raise BadConfig("It would depend on itself.", field="depends_on_ids")
    monitor.depends_on.set(homes.filter(id__in=asked))


def remove_monitor(monitor: Monitor, *, now: datetime) -> None:
    """The monitor and all that hangs on it. Beats without a monitor are seen by nobody; they go with their
    days."""
    group = monitor.parent_id
    monitor.delete()
    look_again_at_groups([group], now=now)
