"""What is kept of a check: beats, standings, sums and notices, in one transaction."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from monitor.lib import payload
from monitor.models import Beat, Event, Monitor, MonitorCheck, MonitorEvent, MonitorHour, MonitorStanding
from monitor.models.partitions import existing_days
from monitor.monitors import Checked, keep, set_active
from monitor.monitors.claiming import claim_due, mend_clock
from monitor.monitors.config import options_of
from monitor.monitors.days import let_old_beats_go, make_beat_days_ahead
from monitor.monitors.recent import unpacked
from monitor.monitors.register import change_monitor, clone_monitor
from monitor.monitors.watchdog import mark_silent
from monitor.probing import Finding, Outcome
from tests.monitors.scenes import a_monitor, check, each_minute

pytestmark = pytest.mark.django_db
OK, FAILED, SLOW, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.SLOW, Outcome.UNKNOWN
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def standing(monitor):
    return MonitorStanding.objects.get(monitor=monitor)


def test_a_check_leaves_a_beat_a_standing_and_a_place_in_the_bar():
    monitor = a_monitor()

    check(monitor, OK, at=NOON, message="200 in 20 ms")

    beat = Beat.objects.get()
    assert (beat.state, beat.message, beat.response_ms) == (1, "200 in 20 ms", 20.0)
    row = standing(monitor)
    assert (row.state, row.last_beat_at, row.since) == (1, NOON, NOON)
    assert [each.state for each in unpacked(row.recent)] == [1]


def test_notices_are_written_once_each_with_the_length_of_the_outage():
    monitor = a_monitor()

    each_minute(monitor, OK, FAILED, FAILED, FAILED, OK, OK, start=NOON)

    events = list(MonitorEvent.objects.order_by("id"))
    assert [event.notice for event in events] == ["down", "up"]
    assert events[1].outage_s == 180
    assert events[0].beat_id == Beat.objects.filter(state=0, is_important=True).get().id


def test_programs_hear_of_an_outage_and_of_its_end_as_events():
    monitor = a_monitor(config={"url": "http://127.0.0.1:9/?token=s3cret"})

    each_minute(monitor, OK, FAILED, OK, start=NOON)

    events = list(Event.objects.order_by("happened_at"))
    assert [event.type for event in events] == ["monitor.down", "monitor.up"]
    down, up = (json.loads(event.body)["data"] for event in events)
    assert (down["monitor_id"], down["reason"]) == (str(monitor.id), "failed")
    assert "s3cret" not in down["url"]
    assert up["down_s"] == 60.0


def test_fault_6_an_error_of_ours_is_a_beat_without_data_and_nothing_else():
    monitor = a_monitor()
    each_minute(monitor, OK, UNKNOWN, UNKNOWN, start=NOON)

    row = standing(monitor)
    assert row.state == 1
    assert row.last_known_at == NOON
    assert list(Beat.objects.order_by("id").values_list("state", flat=True)) == [1, 4, 4]
    assert not MonitorEvent.objects.exists()


def test_fault_1_a_pending_monitor_is_checked_again_after_its_retry_interval():
    monitor = a_monitor(max_retries=2, retry_interval_s=7, interval_s=600)
    row = MonitorCheck.objects.get()

    check(monitor, FAILED, at=row.next_check_at)

    assert MonitorCheck.objects.get().next_check_at == row.next_check_at + timedelta(seconds=7)


def test_slower_than_its_limit_is_degraded_and_still_up():
    monitor = a_monitor(degraded_ms=100)

    check(monitor, OK, at=NOON, response_ms=250.0)

    assert standing(monitor).is_degraded
    assert Beat.objects.get().is_degraded
    assert Beat.objects.get().state == 1


def test_what_is_kept_of_a_failure_is_packed_beside_its_beat():
    monitor = a_monitor()

    check(monitor, FAILED, detail={"answer": {"body": "no\x00thing"}})

    assert payload.unpack(Beat.objects.get().detail) == {"answer": {"body": "no�thing"}}


def test_a_window_marks_beats_and_keeps_silent():
    monitor = a_monitor()
    check(monitor, OK, at=NOON)
    row = MonitorCheck.objects.get()
    found = Finding(outcome=FAILED, message="no")
    checked = Checked(
        check_id=row.id,
        claim=None,
        monitor_id=monitor.id,
        planned_at=NOON,
        checked_at=NOON + timedelta(minutes=1),
        finding=found,
    )

    keep([checked], now=checked.checked_at, maintained={monitor.id})

    assert Beat.objects.order_by("-id")[0].state == 3
    assert standing(monitor).in_maintenance
    assert not MonitorEvent.objects.exists()
    check(monitor, FAILED, at=NOON + timedelta(minutes=2))
    assert [event.notice for event in MonitorEvent.objects.all()] == ["down"]


# --- Hours -------------------------------------------------------------------------------------------------


def test_hours_sum_the_time_in_each_state_to_the_millisecond():
    monitor = a_monitor()
    start = NOON - timedelta(minutes=2)

    each_minute(monitor, OK, OK, OK, FAILED, FAILED, OK, start=start)

    rows = {row.hour.hour: row for row in MonitorHour.objects.all()}
    assert (rows[11].up_ms, rows[11].down_ms) == (120_000, 0)
    assert (rows[12].up_ms, rows[12].down_ms) == (60_000, 120_000)
    assert (rows[12].checks, rows[12].failures, rows[12].answers) == (4, 2, 2)
    assert rows[12].response_ms == 40.0


def test_time_without_checks_is_counted_as_nothing():
    monitor = a_monitor()

    check(monitor, OK, at=NOON)
    check(monitor, OK, at=NOON + timedelta(minutes=40))

    # Held to last for three intervals and a time limit.
    assert MonitorHour.objects.get().up_ms == 185_000


# --- Claims ------------------------------------------------------------------------------------------------


def claim(now, region="", limit=10):
    return claim_due(region=region, limit=limit, now=now)


def test_what_is_taken_is_nobody_elses_until_its_lease_ends():
    a_monitor(now=NOON)
    later = NOON + timedelta(seconds=10)

    assert len(claim(later)) == 1
    assert claim(later) == []
    assert claim(later + timedelta(seconds=34)) == []
    assert len(claim(later + timedelta(seconds=36))) == 1


def test_the_finding_of_an_expired_lease_is_left_out():
    monitor = a_monitor(now=NOON)
    late, prompt = claim(NOON + timedelta(seconds=10)), claim(NOON + timedelta(seconds=60))

    kept = [
        keep(
            [
                Checked(
                    check_id=each.check_id,
                    claim=each.claim,
                    monitor_id=monitor.id,
                    planned_at=each.planned_at,
                    checked_at=NOON + timedelta(seconds=61),
                    finding=Finding(outcome=outcome, message=""),
                )
            ],
            now=NOON + timedelta(seconds=61),
        )
        for each, outcome in ((late[0], FAILED), (prompt[0], OK))
    ]

    assert [len(beats) for beats in kept] == [0, 1]
    assert standing(monitor).state == 1


def test_a_region_takes_what_asks_for_it_and_what_asks_for_none():
    a_monitor(now=NOON, name="anywhere")
    a_monitor(now=NOON, name="europe", regions=["eu"])
    later = NOON + timedelta(seconds=10)

    assert [each.monitor.name for each in claim(later, "us")] == ["anywhere"]
    assert [each.monitor.name for each in claim(later, "eu")] == ["europe"]


def test_paused_monitors_are_not_due_and_what_is_on_its_way_is_left_out():
    monitor = a_monitor(now=NOON)
    (taken,) = claim(NOON + timedelta(seconds=10))

    set_active([monitor], is_active=False, now=NOON)

    assert check(monitor, FAILED) is None
    assert claim(NOON + timedelta(days=1)) == []
    assert not Beat.objects.exists()
    set_active([monitor], is_active=True, now=NOON)
    assert len(claim(NOON + timedelta(seconds=10))) == 1
    assert taken.monitor.id == monitor.id


def test_a_clock_that_was_set_back_is_noticed():
    monitor = a_monitor(now=NOON)
    check(monitor, OK, at=NOON + timedelta(days=2))
    assert claim(NOON) == []

    assert mend_clock(now=NOON) == 1

    assert len(claim(NOON)) == 1


def test_down_in_so_many_of_so_many_regions():
    monitor = a_monitor(regions=["a", "b", "c"], down_regions=2, now=NOON)

    for number, (region, outcome) in enumerate(zip("abc", (OK, OK, OK), strict=True)):
        check(monitor, outcome, region=region, at=NOON + timedelta(seconds=number))
    check(monitor, FAILED, region="a", at=NOON + timedelta(seconds=60))
    assert standing(monitor).state == 1
    check(monitor, FAILED, region="b", at=NOON + timedelta(seconds=61))
    assert standing(monitor).state == 0
    assert "Failing in 2 of 3 regions" in standing(monitor).message
    check(monitor, OK, region="a", at=NOON + timedelta(seconds=120))
    assert standing(monitor).state == 1


def test_retries_count_rounds_and_not_regions():
    monitor = a_monitor(regions=["a", "b"], down_regions=2, max_retries=1, now=NOON)

    states = []
    for round_ in range(2):
        for number, region in enumerate("ab"):
            check(monitor, FAILED, region=region, at=NOON + timedelta(seconds=60 * round_ + number))
            states.append(standing(monitor).state)

    # One region alone is not enough; the first round is pending, and the second is down at its end.
    assert states == [1, 2, 2, 0]


# --- Watching the watchers ---------------------------------------------------------------------------------


def test_a_monitor_that_nobody_checks_has_no_data_until_somebody_does():
    monitor = a_monitor()
    now = timezone.now()
    check(monitor, OK, at=now)

    assert mark_silent(now=now + timedelta(seconds=180)) == 0
    assert mark_silent(now=now + timedelta(seconds=230)) == 1
    assert mark_silent(now=now + timedelta(seconds=240)) == 0
    assert standing(monitor).silent_since is not None
    assert standing(monitor).state == 1

    check(monitor, OK, at=now + timedelta(seconds=250))
    assert standing(monitor).silent_since is None


@pytest.mark.django_db(transaction=True)
def test_the_operator_is_warned_once_and_a_monitor_that_is_just_being_checked_is_left_alone(caplog):
    """The watchdog waits for nobody's lock: what is held is being kept at this moment."""
    monitor = a_monitor()
    now = timezone.now()
    check(monitor, OK, at=now)
    held, go_on = threading.Event(), threading.Event()

    def keeping_it():
        with transaction.atomic():
            MonitorStanding.objects.select_for_update().get(monitor=monitor)
            held.set()
            go_on.wait(60)
        connection.close()

    thread = threading.Thread(target=keeping_it)
    thread.start()
    assert held.wait(60)
    assert mark_silent(now=now + timedelta(seconds=230)) == 0
    go_on.set()
    thread.join()
    assert mark_silent(now=now + timedelta(seconds=230)) == 1
    assert mark_silent(now=now + timedelta(seconds=240)) == 0

    assert [record.getMessage() for record in caplog.records if "is a prober running" in record.message] == [
        "1 monitors have had no check for three intervals: is a prober running?"
    ]


def test_a_monitor_that_was_never_checked_is_missed_too_and_a_paused_one_is_not():
    monitor = a_monitor()
    later = timezone.now() + timedelta(minutes=10)
    set_active([paused := a_monitor()], is_active=False, now=timezone.now())

    assert mark_silent(now=later) == 1
    assert standing(monitor).silent_since == later
    assert standing(paused).silent_since is None


# --- Days --------------------------------------------------------------------------------------------------


def test_days_of_beats_are_made_when_missing_and_let_go_whole(settings):
    settings.BEAT_RETENTION_DAYS = 10
    monitor = a_monitor()
    check(monitor, OK, at=NOON - timedelta(days=11))
    check(monitor, OK, at=NOON - timedelta(days=9))
    make_beat_days_ahead(now=NOON, ahead=1)

    gone = let_old_beats_go(now=NOON)

    assert gone == [(NOON - timedelta(days=11)).date()]
    assert Beat.objects.count() == 1
    assert (NOON + timedelta(days=1)).date() in existing_days("beat")


# --- Secrets -----------------------------------------------------------------------------------------------


def secret_config():
    return {
        "url": "http://127.0.0.1/?token=s3cret",
        "headers": [["X-Api-Key", "s3cret"], ["Accept", "text/html"]],
        "auth": {"type": "basic", "username": "ada", "password": "s3cret"},
        "body": '{"password": "s3cret"}',
    }


def test_secrets_are_sealed_at_rest_and_used_all_the_same():
    monitor = a_monitor(config=secret_config())

    with connection.cursor() as cursor:
        cursor.execute("SELECT monitor::text FROM monitor")
        assert "s3cret" not in cursor.fetchone()[0]
    options = options_of(Monitor.objects.get())
    assert options.auth.password == "s3cret"
    assert options.headers[0] == ("X-Api-Key", "s3cret")
    assert monitor.config["auth"]["username"] == "ada"


def test_what_is_sent_back_masked_keeps_its_secret():
    monitor = a_monitor(config=secret_config())
    shown = {**Monitor.objects.get().config, "method": "POST"}
    shown["headers"] = [*shown["headers"], ["X-More", "1"]]

    change_monitor(Monitor.objects.get(), {}, shown, now=timezone.now())

    options = options_of(Monitor.objects.get(id=monitor.id))
    assert (options.method, options.auth.password) == ("POST", "s3cret")
    assert options.headers[0] == ("X-Api-Key", "s3cret")
    assert options.url.endswith("token=s3cret")
    assert "s3cret" in options.body


def test_a_copy_is_paused_and_knows_the_secrets():
    copy = clone_monitor(a_monitor(config=secret_config()), name="copy", now=timezone.now())

    assert not copy.is_active
    assert options_of(Monitor.objects.get(id=copy.id)).auth.password == "s3cret"
    assert not MonitorCheck.objects.get(monitor=copy).is_active
