"""The loop that checks, on a real database and real targets."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from monitor.lib.ids import moment_of
from monitor.lib.outbound import OutboundPolicy
from monitor.models import Beat, Monitor, MonitorCheck, MonitorEvent, MonitorStanding, PushTarget
from monitor.monitors import keeping, prober
from monitor.monitors.prober import Prober
from monitor.monitors.register import change_monitor, set_active
from monitor.push.pings import Arrived, Incoming, take_ping
from tests.factories import an_organization
from tests.monitors.scenes import a_monitor
from tests.probing.http_target import Answer, http_target
from tests.web import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)
HOME = OutboundPolicy(allow_loopback=True)
# For what comes within a second or two on a machine that has nothing else to do.
WAIT_S = 60.0


def probe_until(done, **options):
    """Run a prober until `done()` holds. It is asked in a thread, as Django wants it."""

    async def run():
        running = Prober(policy=HOME, **options)
        task = asyncio.create_task(running.run())
        try:
            async with asyncio.timeout(WAIT_S):
                while not await asyncio.to_thread(asked, done):
                    await asyncio.sleep(0.05)
        finally:
            running.stop()
            await task

    asyncio.run(run())


def asked(done):
    try:
        return done()
    finally:
        connections.close_all()


def due(**fields):
    """A monitor that was due a moment ago."""
    return a_monitor(now=timezone.now() - timedelta(seconds=10), **fields)


def states():
    return list(Beat.objects.order_by("id").values_list("state", flat=True))


def test_due_monitors_are_checked_and_planned_on_their_own_moment():
    with http_target() as target:
        monitor = due(config={"url": target.url()})
        planned = MonitorCheck.objects.get().next_check_at

        probe_until(lambda: Beat.objects.exists())

    assert len(target.asked) == 1
    row = MonitorCheck.objects.get()
    assert row.next_check_at == planned + timedelta(seconds=60)
    assert row.claim is None
    assert MonitorStanding.objects.get(monitor=monitor).state == 1


def test_what_is_taken_ahead_of_its_moment_waits_for_it():
    """Claimed within the second before, so that a slow claim delays no check; never looked at early."""
    with http_target() as target:
        monitor = a_monitor(config={"url": target.url()}, now=timezone.now())
        moment = timezone.now() + timedelta(seconds=2)
        MonitorCheck.objects.filter(monitor=monitor).update(next_check_at=moment)

        probe_until(lambda: Beat.objects.exists())

    late = moment_of(Beat.objects.get().id) - moment
    # Ids hold whole milliseconds.
    assert timedelta(milliseconds=-1) <= late < timedelta(seconds=1)
    assert MonitorCheck.objects.get().next_check_at == moment + timedelta(seconds=60)


def test_a_clock_that_is_set_back_while_a_check_waits_keeps_it_for_a_second_at_most():
    def clock():
        # Claims are made by another thread than looks.
        is_look = threading.current_thread() is threading.main_thread()
        return timezone.now() - (timedelta(hours=1) if is_look else timedelta(0))

    with http_target() as target:
        due(config={"url": target.url()})
        MonitorCheck.objects.update(next_check_at=timezone.now() + timedelta(seconds=0.5))

        probe_until(lambda: target.asked, now=clock)

    assert len(target.asked) == 1


def test_a_ping_between_the_claim_and_its_moment_leaves_nothing_to_judge(monkeypatch):
    """What was taken ahead is the lateness of a ping that came after all."""
    monkeypatch.setattr(prober, "AHEAD_S", 2.0)
    monitor = a_monitor(kind="push", config={"period_s": 10, "grace_s": 0}, interval_s=60)
    token = PushTarget.objects.get(monitor=monitor).token
    take_ping(Arrived(token=token, incoming=Incoming(kind="success", method="GET"), at=timezone.now()))
    # Late in a moment: taken at once, judged then. The clock stands still until it is taken, as a prober that
    # takes its time to begin would find it late already.
    now = timezone.now()
    MonitorCheck.objects.filter(monitor=monitor).update(next_check_at=now + timedelta(seconds=1.9))
    pinged = []

    def ping_once_taken():
        if not pinged and MonitorCheck.objects.get(monitor=monitor).claim is not None:
            pinged.append(timezone.now())
            incoming = Incoming(kind="success", method="GET")
            assert take_ping(Arrived(token=token, incoming=incoming, at=pinged[0]))
        return pinged and MonitorCheck.objects.get(monitor=monitor).claim is None

    probe_until(ping_once_taken, now=lambda: timezone.now() if pinged else now)

    assert states() == [1, 1]
    assert MonitorCheck.objects.get(monitor=monitor).next_check_at > pinged[0] + timedelta(seconds=5)


def test_an_outage_is_found_told_once_and_ended():
    with http_target(Answer(500)) as target:
        due(config={"url": target.url()}, interval_s=5, timeout_s=2)
        probe_until(lambda: MonitorEvent.objects.filter(notice="down").exists())
        target.answer = lambda asked: Answer(200)
        probe_until(lambda: MonitorEvent.objects.filter(notice="up").exists())

    assert list(MonitorEvent.objects.order_by("id").values_list("notice", flat=True)) == ["down", "up"]


def test_several_probers_share_the_work_and_check_nothing_twice():
    organization = an_organization()
    both_look = threading.Event()

    def answer(asked):
        # One alone has five under way at most; without this it may be done before the other has begun.
        if len(target.asked) > 5:
            both_look.set()
        both_look.wait(5)
        return Answer()

    with http_target(answer) as target:
        for number in range(40):
            due(organization=organization, config={"url": target.url(f"/{number}")})

        async def both():
            probers = [Prober(policy=HOME, concurrency=5) for _ in range(2)]
            tasks = [asyncio.create_task(each.run()) for each in probers]
            async with asyncio.timeout(WAIT_S):
                while sum(each.kept for each in probers) < 40:
                    await asyncio.sleep(0.05)
            for each in probers:
                each.stop()
            await asyncio.gather(*tasks)
            return [each.kept for each in probers]

        shares = asyncio.run(both())

    assert sum(shares) == 40
    assert min(shares) > 0
    assert len({asked.path for asked in target.asked}) == len(target.asked) == 40


def test_a_slow_target_keeps_no_other_waiting():
    """The slow ones answer only when the quick ones are kept."""
    quick_ones_done = threading.Event()
    waited = []

    def answer(asked):
        if asked.path == "/slow":
            waited.append(quick_ones_done.wait(WAIT_S))
        return Answer()

    def done():
        if Beat.objects.filter(state=1).count() >= 5:
            quick_ones_done.set()
        return quick_ones_done.is_set()

    organization = an_organization()
    with http_target(answer) as target:
        for number in range(10):
            url = target.url("/slow" if number < 5 else "/quick")
            due(organization=organization, config={"url": url}, interval_s=120, timeout_s=60)
        probe_until(done)

    assert waited == [True] * 5
    assert states() == [1] * 10


def test_fault_6_a_database_that_is_away_calls_nobody_down(monkeypatch):
    from django.db import OperationalError

    real, calls = keeping.keep, []

    def failing_at_first(*arguments, **options):
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("the server closed the connection unexpectedly")
        return real(*arguments, **options)

    monkeypatch.setattr(prober, "keep", failing_at_first)
    with http_target() as target:
        due(config={"url": target.url()})
        probe_until(lambda: Beat.objects.exists())

    assert len(calls) >= 3
    assert states() == [1]


def test_a_killed_prober_leaves_its_checks_to_others():
    held, go_on = threading.Event(), threading.Event()

    def answer(asked):
        if not held.is_set():
            held.set()
            go_on.wait(20)
        return Answer()

    with http_target(answer) as target:
        due(config={"url": target.url()}, timeout_s=20)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "prober"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
                "DATABASE_URL": database_url(),
                "ANONYMOUS_ACCESS": "full",
                "BIND": "127.0.0.1",
            },
        )
        try:
            assert held.wait(WAIT_S)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            go_on.set()
        assert not Beat.objects.exists()

        # Nobody else has it before its lease is over; then it is due by itself.
        lease = timedelta(seconds=20 + 30)
        probe_until(lambda: Beat.objects.exists(), now=lambda: timezone.now() + lease)

    assert states() == [1]


def test_a_prober_that_is_asked_to_stop_writes_down_what_it_found():
    started = threading.Event()

    def answer(asked):
        started.set()
        time.sleep(0.5)
        return Answer()

    with http_target(answer) as target:
        due(config={"url": target.url()})
        process = subprocess.Popen(
            [sys.executable, "manage.py", "prober"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
                "DATABASE_URL": database_url(),
                "ANONYMOUS_ACCESS": "full",
                "BIND": "127.0.0.1",
            },
        )
        assert started.wait(WAIT_S)
        process.terminate()
        assert process.wait(WAIT_S) == 0

    assert states() == [1]


def test_a_paused_prober_wakes_without_calling_anything_down():
    """SIGSTOP stands for a laptop that sleeps: time goes on, and the check's time limit passes meanwhile."""
    held = threading.Event()

    def answer(asked):
        held.set()
        time.sleep(30 if len(target.asked) == 1 else 0)
        return Answer()

    with http_target(answer) as target:
        due(config={"url": target.url()}, timeout_s=2, interval_s=5)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "prober"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
                "DATABASE_URL": database_url(),
                "ANONYMOUS_ACCESS": "full",
                "BIND": "127.0.0.1",
            },
        )
        try:
            assert held.wait(WAIT_S)
            process.send_signal(signal.SIGSTOP)
            time.sleep(8.5)
            process.send_signal(signal.SIGCONT)
            deadline = time.monotonic() + WAIT_S
            while 1 not in states() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(WAIT_S)

    assert states()[:2] == [4, 1]
    assert not MonitorEvent.objects.exists()


def test_a_group_is_as_well_as_the_worst_of_its_children():
    organization = an_organization()
    # Its own interval is far off: it is its monitors' turns that it follows, of a group within it too.
    outer = due(organization=organization, kind="group", interval_s=3600)
    group = due(organization=organization, kind="group", interval_s=3600, parent=outer)
    with http_target() as target:
        child = due(organization=organization, config={"url": target.url()}, interval_s=5, timeout_s=2)
        change_monitor(child, {"parent": group}, None, now=timezone.now() - timedelta(seconds=10))

        def both_stand(state):
            states = MonitorStanding.objects.filter(monitor__in=[group, outer]).values_list(
                "state", flat=True
            )
            return set(states) == {state}

        probe_until(lambda: both_stand(1))
        target.answer = lambda asked: Answer(500)
        probe_until(lambda: both_stand(0))
        down = MonitorStanding.objects.get(monitor=group).message
        # One that nobody looks at any more has no say.
        set_active([child], is_active=False, now=timezone.now())
        probe_until(lambda: MonitorStanding.objects.get(monitor=group).message == "The group is empty.")

    assert down == "1 of 1 are down."


def test_a_state_set_by_hand_is_the_state():
    # A minute: on a busy machine the prober is still there when five seconds are over.
    monitor = due(kind="manual", config={"status": "down", "message": "Moved."}, interval_s=60)

    probe_until(lambda: Beat.objects.exists())

    assert Beat.objects.get().message == "Moved."
    assert states() == [0]
    assert Monitor.objects.get(id=monitor.id).config["status"] == "down"
