"""A day is rewritten while logs come into it and go out of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from monitor.lib import locks
from monitor.lib.locks import AlreadyRunning, StillLocked, only_one, patiently
from monitor.metrics.rollups import ROLLUP_LOCK
from monitor.models import LogPayload, RequestLog, StorageEvent
from monitor.models.partitions import drop_day, existing_days
from monitor.retention import enforce, rewrite
from monitor.retention.enforcement import RETENTION_LOCK
from monitor.services import change_service, remove_service
from monitor.services.purge import purge
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON
from tests.retention.conftest import day

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("days")]
AGE = 5
THEN = NOON - timedelta(days=AGE)


@pytest.fixture(autouse=True)
def _always_rewrite(monkeypatch):
    monkeypatch.setattr("monitor.retention.plan.FEW_LOGS", 0)


@pytest.fixture
def short():
    """A service whose logs of that day have expired."""
    return a_service(retention_days=1)


@pytest.fixture
def other():
    return a_service()


def keep(service, count=1, **fields):
    log = a_log(timestamp=rfc3339(THEN), request_body="{}", **fields)
    return keep_logs(service, *[log] * count, now=THEN)


def elsewhere(action):
    """What `action` gives on a connection of its own."""

    def run():
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(run).result()


def between(monkeypatch, action):
    """Have something happen elsewhere after the rows were copied and before the tables are swapped."""
    catch_up = rewrite.catch_up

    def acting(*arguments, **options):
        elsewhere(action)
        return catch_up(*arguments, **options)

    monkeypatch.setattr(rewrite, "catch_up", acting)


def kept_ids():
    logs = set(RequestLog.objects.values_list("id", flat=True))
    assert set(LogPayload.objects.values_list("log_id", flat=True)) == logs
    return logs


def test_a_late_log_that_comes_during_the_copy_is_there_afterwards(monkeypatch, short, other):
    keep(short, 3)
    early = keep(other)
    late = []
    between(monkeypatch, lambda: late.extend(keep(other, 2) + keep(short)))

    enforce(now=NOON)

    assert kept_ids() == {*early, *late[:2]}


def test_more_late_logs_than_a_round_holds_are_all_brought_over(monkeypatch, short, other):
    monkeypatch.setattr(rewrite, "IDS_A_ROUND", 7)
    monkeypatch.setattr(rewrite, "FEW_IDS", 3)
    keep(short)
    late = []
    between(monkeypatch, lambda: late.extend(keep(other, 40)))

    enforce(now=NOON)

    assert kept_ids() == set(late)


def test_logs_that_are_removed_during_the_copy_do_not_come_back(monkeypatch, short, other):
    keep(short)
    doomed = a_service()
    keep(doomed, 4)
    stays = keep(other)

    def remove():
        remove_service(doomed, now=NOON)
        purge(doomed.id)

    between(monkeypatch, remove)

    enforce(now=NOON)

    assert kept_ids() == set(stays)


def test_nothing_acknowledged_is_lost_while_a_day_is_rewritten_again_and_again(short, other):
    done = threading.Event()
    acknowledged = []

    def send():
        try:
            while not done.is_set():
                acknowledged.extend(keep(other, 20))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=2) as pool:
        senders = [pool.submit(send) for _ in range(2)]
        try:
            for _ in range(4):
                keep(short)
                enforce(now=NOON)
        finally:
            done.set()
        for sender in senders:
            sender.result()

    assert StorageEvent.objects.filter(kind="rewritten").count() == 4
    assert len(acknowledged) > 100
    assert kept_ids() - set(keep(short)) == set(acknowledged)


def test_a_retention_that_is_made_longer_meanwhile_saves_the_logs(monkeypatch, short, other):
    logs = {*keep(short, 3), *keep(other)}
    between(monkeypatch, lambda: change_service(short, retention_days=60))

    enforce(now=NOON)

    assert kept_ids() == logs
    assert not StorageEvent.objects.told().exists()
    assert leftovers() == 0


def test_a_day_is_not_dropped_when_a_service_wants_it_in_the_last_moment(monkeypatch, short):
    logs = keep(short, 2)
    locked = threading.Event()

    def drop_later(day, *, still_due):
        elsewhere(lambda: change_service(short, retention_days=60))
        locked.set()
        return drop_day(day, still_due=still_due)

    monkeypatch.setattr("monitor.retention.enforcement.drop_day", drop_later)

    enforce(now=NOON)

    assert locked.is_set()
    assert kept_ids() == set(logs)
    assert day(AGE) in existing_days()


def test_a_rewrite_that_fails_changes_nothing_leaves_nothing_and_is_told(monkeypatch, short, other):
    logs = {*keep(short), *keep(other)}
    with monkeypatch.context() as patch:
        patch.setattr(rewrite, "BOUNDS", "")  # a name that PostgreSQL refuses, after the copy
        enforce(now=NOON)

    [event] = StorageEvent.objects.told()
    assert (event.kind, event.day) == ("failed", day(AGE))
    assert StorageEvent.objects.last_check() is None
    assert kept_ids() == logs
    assert leftovers() == 0

    enforce(now=NOON)

    assert RequestLog.objects.filter(service=short).count() == 0


def test_what_a_killed_rewrite_left_is_in_nobodys_way(short, other):
    keep(short, 2)
    stays = keep(other)
    expiry = rewrite.Expiry(day=day(AGE))
    rewrite.watch(day(AGE))
    rewrite.copy_kept(expiry)
    stays += keep(other)

    enforce(now=NOON)

    assert kept_ids() == set(stays)
    assert leftovers() == 0


def leftovers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '%%kept%%')"
            " + (SELECT count(*) FROM pg_trigger WHERE tgname = 'note_changed_log')"
            " + (SELECT count(*) FROM retention_change)"
        )
        return cursor.fetchone()[0]


def test_a_reader_that_takes_long_is_waited_for_in_short_turns(short, other):
    """Nobody stands behind the waiting lock for longer than a turn."""
    keep(short)
    stays = keep(other)
    reading, read = threading.Event(), threading.Event()

    def read_slowly():
        try:
            with transaction.atomic():
                RequestLog.objects.first()
                reading.set()
                read.wait(timeout=30)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=2) as pool:
        reader = pool.submit(read_slowly)
        reading.wait(timeout=10)
        timer = threading.Timer(1.5, read.set)
        timer.start()
        enforce(now=NOON)
        reader.result()

    assert kept_ids() == set(stays)


def test_a_lock_that_is_never_free_is_given_up(monkeypatch):
    monkeypatch.setattr(locks, "LONG_WAIT_MS", 50)
    monkeypatch.setattr(locks, "SHORT_WAIT_MS", 50)
    tries = []

    def lock():
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE retention_change IN ACCESS EXCLUSIVE MODE")

    def hold():
        with transaction.atomic():
            lock()
            with ThreadPoolExecutor(max_workers=1) as pool:
                return pool.submit(attempt).exception()

    def attempt():
        try:
            patiently(lock, tries=3, pause_s=0)
        finally:
            connection.close()

    assert isinstance(hold(), StillLocked)
    assert len(tries) == 1 + 3


def test_numbers_that_are_being_added_up_hold_no_letting_go_up():
    with only_one(ROLLUP_LOCK):
        assert elsewhere(lambda: enforce(now=NOON)).steps == []


def test_only_one_process_lets_go_at_a_time():
    with only_one(RETENTION_LOCK), pytest.raises(AlreadyRunning):
        elsewhere(lambda: enforce(now=NOON))

    enforce(now=NOON)
