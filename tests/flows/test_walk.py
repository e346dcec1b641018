"""Every kind of monitor walks through up, degraded, down, flapping, maintenance and back, at far ends that a
running prober really looks at, and people are told exactly what they should be, no more and no less.

The prober's clock is the walk's: time goes on only between looks, by as much as is said.
"""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import pytest
from django.db import connections
from django.db.models import Q
from django.utils import timezone

from monitor.channels.desk import ChannelDesk
from monitor.channels.register import make_channel
from monitor.lib.ids import moment_of
from monitor.lib.outbound import OutboundPolicy
from monitor.models import (
    Beat,
    Maintenance,
    Monitor,
    MonitorCheck,
    MonitorEvent,
    Notification,
    NotificationChannel,
    PushTarget,
)
from monitor.monitors import prober as prober_module
from monitor.monitors.prober import Prober
from monitor.monitors.register import change_monitor
from monitor.monitors.states import State
from monitor.probing import all_kinds
from monitor.push.pings import Arrived, Incoming, Taken, take_ping
from monitor.webhooks import sender as sender_module
from monitor.webhooks.sender import Sender
from tests.factories import an_organization
from tests.flows.far_ends import DEGRADED_MS, FarEnd, Mood, far_ends
from tests.monitors.scenes import a_monitor
from tests.receiver import a_receiver

pytestmark = pytest.mark.django_db(transaction=True)
INTERVAL, RETRY = timedelta(minutes=5), timedelta(minutes=1)
AFTER_OTHERS = timedelta(seconds=20)
FINE, SLOW, BROKEN = Mood.FINE, Mood.SLOW, Mood.BROKEN
UP, DEGRADED, PENDING, DOWN, MAINTENANCE = "up", "degraded", "pending", "down", "maintenance"


@dataclass
class Walk:
    """What all monitors go through together."""

    # Of the last look, and what the prober takes for now.
    at: datetime
    now: datetime
    ends: dict[str, FarEnd]
    prober: Prober | None = None
    monitors: dict[str, Monitor] = field(default_factory=dict)
    read_until: datetime | None = None

    def go_on(self, mood: Mood, *waits: timedelta) -> None:
        """All are in this mood, and as much time passes between looks."""
        for end in self.ends.values():
            end.mood = mood
        for wait in waits:
            self.at += wait
            self.move_by_hand(mood, self.at)
            self.now = self.at
            self.until_all_is_kept()
            # A group is made of what its monitors are found to be.
            self.now = self.at + AFTER_OTHERS
            MonitorCheck.objects.filter(monitor=self.monitors["group"]).update(next_check_at=self.now)
            self.until_all_is_kept()

    def move_by_hand(self, mood: Mood, now) -> None:
        """What nobody looks at: a state that people set, and programs that ping."""
        manual = self.monitors["manual"]
        status = {FINE: "up", SLOW: "slow", BROKEN: "down"}[mood]
        if manual.config["status"] != status:
            # Made known a moment before, so that it is due with the others.
            change_monitor(manual, {}, {"status": status}, now=now - timedelta(seconds=10))
        failing, silent = self.monitors["push"], self.monitors["push, by silence"]
        took_ms = DEGRADED_MS + 1.0 if mood == SLOW else 20.0
        kind = "failure" if mood == BROKEN else "success"
        ping(failing, kind, took_ms, now=now)
        if mood != BROKEN:
            ping(silent, "success", took_ms, now=now)

    def until_all_is_kept(self) -> None:
        waiting = Q(next_check_at__lte=self.now) | Q(claim__isnull=False)
        deadline = time.monotonic() + 120
        while MonitorCheck.objects.filter(waiting, is_active=True).exists():
            assert time.monotonic() < deadline, "what is due was not checked"
            time.sleep(0.03)

    def seen(self) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, list[str]]]:
        """The states of each since the last time this was asked, the notices, and what channels were told."""
        since, self.read_until = self.read_until, self.now
        names = {monitor.id: name for name, monitor in self.monitors.items()}
        beats = Beat.objects.order_by("id")
        events = MonitorEvent.objects.order_by("happened_at")
        told = Notification.objects.order_by("happened_at")
        states: dict[str, list[str]] = {name: [] for name in names.values()}
        notices: dict[str, list[str]] = {name: [] for name in names.values()}
        announced: dict[str, list[str]] = {name: [] for name in names.values()}
        for beat in beats:
            if since is None or moment_of(beat.id) > since:
                states[names[beat.monitor_id]].append(word_of(beat))
        for event in events if since is None else events.filter(happened_at__gt=since):
            notices[names[event.monitor_id]].append(event.notice)
        keys = {f"monitor:{id_}": name for id_, name in names.items()}
        for notification in told if since is None else told.filter(happened_at__gt=since):
            announced[keys[notification.key]].append(notification.kind)
        return {name: turns(found) for name, found in states.items()}, notices, announced

    def expect(self, states: list[str], *notices: str, **others: list[str]) -> None:
        """What each went through meanwhile, and what was told of each. `others` go otherwise."""
        found, noticed, announced = self.seen()
        wanted = {name: expected(name, states) for name in self.monitors}
        assert found == wanted
        assert noticed == {name: list(notices) for name in self.monitors}
        assert announced == noticed


def ping(monitor: Monitor, kind: str, took_ms: float, *, now: datetime) -> None:
    token = PushTarget.objects.get(monitor=monitor).token
    incoming = Incoming(kind=kind, method="POST", response_ms=took_ms)
    assert take_ping(Arrived(token=token, incoming=incoming, at=now)) == Taken.KEPT


def word_of(beat: Beat) -> str:
    return DEGRADED if beat.is_degraded else State(beat.state).name.lower()


def turns(states: list[str]) -> list[str]:
    """Without repetition: how often each is looked at is its kind's own matter."""
    return [state for state, _ in groupby(states)]


# What has no retries is down at once. A group knows of no slowness, and waits while its child may mend.
AT_ONCE = {"manual", "push", "push, by silence"}


def expected(name: str, states: list[str]) -> list[str]:
    if name in AT_ONCE:
        states = [state for state in states if state != PENDING]
    if name == "group":
        states = [UP if state == DEGRADED else state for state in states]
    return turns(states)


def make_monitors(organization, ends, now) -> dict[str, Monitor]:
    """One of each far end, and those that are looked at by nobody."""
    common = {
        "organization": organization,
        "interval_s": INTERVAL.seconds,
        "retry_interval_s": RETRY.seconds,
        "timeout_s": 60,
        "now": now,
    }
    made = {
        name: a_monitor(
            name=name,
            kind=end.kind,
            config=end.config,
            max_retries=1,
            degraded_ms=None if end.tells_slow else DEGRADED_MS,
            **common,
        )
        for name, end in ends.items()
    }
    schedule = {"schedule": "simple", "period_s": INTERVAL.seconds, "grace_s": RETRY.seconds // 2}
    for name in ("push", "push, by silence"):
        made[name] = a_monitor(name=name, kind="push", config=schedule, degraded_ms=DEGRADED_MS, **common)
    made["manual"] = a_monitor(name="manual", kind="manual", config={"status": "up"}, **common)
    made["group"] = a_monitor(name="group", kind="group", **common)
    change_monitor(made["http"], {"parent": made["group"]}, None, now=now)
    MonitorCheck.objects.filter(monitor=made["group"]).update(next_check_at=now + INTERVAL)
    return made


@pytest.fixture
def walk(tmp_path, settings, monkeypatch):
    """Monitors that are all due now, and a prober that looks at them."""
    # Nothing is due by itself while the clock stands, so looking more often only ends the waiting sooner.
    for name in ("LOOK_EVERY_S", "WRITE_EVERY_S"):
        monkeypatch.setattr(prober_module, name, 0.03)
    organization = an_organization()
    start = timezone.now().replace(microsecond=0) - timedelta(hours=4)
    with far_ends(tmp_path, settings, monkeypatch) as ends:
        walk = Walk(at=start, now=start - INTERVAL, ends=ends)
        walk.prober = Prober(policy=OutboundPolicy(allow_loopback=True), now=lambda: walk.now)
        walk.monitors = make_monitors(organization, ends, start - timedelta(seconds=10))
        thread = threading.Thread(target=lambda: asyncio.run(walk.prober.run()))
        thread.start()
        try:
            yield walk
        finally:
            walk.prober.stop()
            thread.join()
            connections.close_all()


def test_every_kind_walks_through_all_states_and_each_turn_is_told_once(walk, settings, monkeypatch):
    settings.QUICK_START = True
    monkeypatch.setattr(sender_module, "LOOK_S", 0.02)
    assert {each.kind for each in walk.monitors.values()} == {kind.name for kind in all_kinds()}
    organization = walk.monitors["http"].organization

    with a_receiver() as on_call:
        channel = NotificationChannel(organization=organization, kind="webhook", name="on call")
        make_channel(channel, {"url": on_call.url})

        walk.go_on(FINE, timedelta(0), INTERVAL)
        walk.expect([UP])

        walk.go_on(SLOW, INTERVAL, INTERVAL)
        walk.expect([DEGRADED])

        walk.go_on(BROKEN, INTERVAL, RETRY, INTERVAL)
        walk.expect([PENDING, DOWN], "down")

        walk.go_on(FINE, INTERVAL)
        walk.expect([UP], "up")

        # The third and fourth change within the hour, and some more that nobody hears of.
        walk.go_on(BROKEN, INTERVAL, RETRY)
        walk.go_on(FINE, INTERVAL)
        walk.expect([PENDING, DOWN, UP], "down", "flapping")
        walk.go_on(BROKEN, INTERVAL, RETRY)
        walk.go_on(FINE, INTERVAL, *[INTERVAL] * 5)
        walk.expect([PENDING, DOWN, UP])

        # Settled once half an hour has passed since the last change.
        walk.go_on(FINE, INTERVAL)
        walk.expect([UP], "settled")

        opens = walk.at + AFTER_OTHERS
        Maintenance.objects.create(
            organization=organization,
            title="New disks",
            strategy="once",
            starts_at=opens,
            ends_at=opens + 2 * INTERVAL + 2 * RETRY,
            covers_all=True,
        )
        walk.go_on(FINE, INTERVAL)
        walk.go_on(BROKEN, INTERVAL, RETRY)
        walk.expect([MAINTENANCE])

        # What the window left behind is told after it, once.
        walk.go_on(BROKEN, INTERVAL, INTERVAL)
        walk.expect([DOWN], "down")

        walk.go_on(FINE, INTERVAL, INTERVAL)
        walk.expect([UP], "up")

        send_what_waits(walk)
    heard = Counter(arrived.json["data"]["facts"]["Monitor"] for arrived in on_call.arrived)
    assert heard == dict.fromkeys(walk.monitors, 7)
    assert {name: end.looks for name, end in walk.ends.items() if end.looks < beats_of(walk, name)} == {}


def beats_of(walk: Walk, name: str) -> int:
    return Beat.objects.filter(monitor_id=walk.monitors[name].id).count()


def send_what_waits(walk: Walk) -> None:
    """As `manage.py deliver` does, until nothing is under way."""
    sender = Sender(ChannelDesk(), slots=8)
    quiet_turns = 0
    while quiet_turns < 2:
        sender.turn()
        quiet_turns = quiet_turns + 1 if sender.is_quiet else 0
    sender.close()
