"""The disk guard drops the oldest days, says so, and knows when to stop."""

from datetime import timedelta

import pytest
from django.db import connection

from monitor.models import RequestLog, StorageEvent
from monitor.models.partitions import existing_days, make_day
from monitor.retention import guard_disk
from monitor.retention.disk import Disk, look_at_disk
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON
from tests.retention.conftest import day

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("days")]


def filled(*ages):
    service = a_service()
    for age in ages:
        then = NOON - timedelta(days=age)
        keep_logs(service, *[a_log(timestamp=rfc3339(then), url="/x" * 400)] * 300, now=then)


def test_the_oldest_days_go_until_the_database_is_small_enough(settings, caplog):
    make_day(day(9))
    filled(3, 2, 1, 0)
    # A little less than it takes: one day with logs, and the empty one before it, have to go.
    settings.MAX_DATABASE_BYTES = look_at_disk().database - 100_000

    dropped = guard_disk(now=NOON)

    assert dropped[:1] == [day(9)]
    assert set(dropped) <= {day(9), day(3)}
    assert existing_days()[0] in (day(3), day(2))
    assert look_at_disk().database <= settings.MAX_DATABASE_BYTES
    events = StorageEvent.objects.order_by("id")
    assert [(event.kind, event.cause, event.day) for event in events] == [
        ("dropped", "disk", each) for each in dropped
    ]
    assert "before their time: the database takes" in events[0].message
    assert events[0].message in caplog.text
    assert guard_disk(now=NOON) == []


def test_today_is_kept_whatever_happens_and_that_is_said_once_a_day(settings):
    filled(1, 0)
    settings.MAX_DATABASE_BYTES = 1

    assert guard_disk(now=NOON) == [day(1)]
    assert guard_disk(now=NOON) == []

    assert RequestLog.objects.count() == 300
    assert StorageEvent.objects.filter(kind="failed", cause="disk").count() == 1
    assert "nothing but today" in StorageEvent.objects.get(kind="failed").message


def test_no_limit_drops_nothing(settings):
    settings.MAX_DATABASE_BYTES = settings.MIN_FREE_DISK_BYTES = 0
    filled(3)

    assert guard_disk(now=NOON) == []
    assert day(3) in existing_days()


def test_a_disk_that_fills_up_loses_the_oldest_day(settings):
    settings.MIN_FREE_DISK_BYTES = 1000
    filled(3, 2)
    looks = iter([500, 500, 2000])

    dropped = guard_disk(now=NOON, look=lambda: Disk(database=1, free=next(looks)))

    assert dropped == [day(3)]
    assert "the disk has" in StorageEvent.objects.get().message


def test_the_disk_of_the_embedded_server_is_seen_and_no_other(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    (tmp_path / "postgres").mkdir()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/somewhere/run")
    assert look_at_disk().free > 0

    monkeypatch.setitem(connection.settings_dict, "HOST", "database.example")
    assert look_at_disk().free is None

    settings.DATA_DIR = tmp_path / "elsewhere"
    monkeypatch.setitem(connection.settings_dict, "HOST", "/somewhere/run")
    assert look_at_disk().free is None
