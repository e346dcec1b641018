"""Deltas become rollups once each, whatever happens in the middle and whoever else is at it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.metrics import GroupBy, ask, groups_for, measure_for, rollups
from monitor.metrics.compact import compact, compact_round
from monitor.metrics.deltas import HURRY_AFTER_DELTAS, _Waiting
from monitor.models import MetricDelta, MetricRollup, RequestLog
from monitor.models.metrics import Source
from monitor.search import LogFilter
from monitor.services.purge import purge
from tests.factories import a_log, a_service, keep_logs, rfc3339


@pytest.fixture(autouse=True)
def _histograms(monkeypatch):
    """No question is small enough to be answered from the logs themselves."""
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)


def question_about(*services, **parameters):
    ids = [service.id for service in services]
    asked = LogFilter(parameters, queryset=RequestLog.objects.of_services(ids))
    assert asked.is_valid(), asked.errors
    return ask(service_ids=ids, asked=asked, now=timezone.now())


def told(*services, **parameters):
    """How many requests the numbers know of."""
    return measure_for(question_about(*services, **parameters))[0].total_requests


def keep_many(service, batches=20, logs=5):
    for batch in range(batches):
        keep_logs(service, *[a_log(latency_ms=float(batch), route=f"/r{n}") for n in range(logs)])


@pytest.mark.django_db
def test_a_transaction_of_logs_leaves_one_delta():
    service = a_service()

    keep_logs(service, *[a_log(latency_ms=n, status_code=200 + n) for n in range(50)])

    assert MetricDelta.objects.count() == 1
    assert told(service) == 50


@pytest.mark.django_db
def test_compaction_empties_the_deltas_and_changes_no_number():
    service = a_service()
    keep_many(service)
    before = told(service)

    assert compact(now=timezone.now()) == 20

    assert not MetricDelta.objects.exists()
    assert told(service) == before == 100
    resolutions = set(MetricRollup.objects.values_list("resolution", flat=True))
    assert resolutions == {"minute", "10min", "hour", "6hours", "day"}


@pytest.mark.django_db
def test_a_repeat_of_an_event_is_counted_once():
    service = a_service()
    event = a_log(event_id="e1", timestamp=rfc3339(timezone.now()))

    keep_logs(service, event, event)
    compact(now=timezone.now())
    keep_logs(service, event, a_log())

    assert told(service) == RequestLog.objects.count() == 2


@pytest.mark.django_db
def test_logs_that_are_rolled_back_leave_no_delta():
    service = a_service()

    with transaction.atomic():
        keep_logs(service, a_log())
        transaction.set_rollback(True)

    assert not MetricDelta.objects.exists()
    assert told(service) == 0


@pytest.mark.django_db
def test_a_round_that_ends_in_the_middle_has_done_nothing(monkeypatch):
    service = a_service()
    keep_many(service)
    compact_round(now=timezone.now(), limit=7)

    def fail(cells):
        write(dict(list(cells.items())[: len(cells) // 2]))
        raise KeyboardInterrupt

    write = rollups.write
    monkeypatch.setattr(rollups, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        compact_round(now=timezone.now(), limit=7)
    monkeypatch.setattr(rollups, "write", write)

    assert MetricDelta.objects.count() == 13
    assert told(service) == 100
    compact(now=timezone.now())
    assert told(service) == 100


def in_threads(work, count):
    """Run the same thing on so many connections at once."""
    barrier = Barrier(count)

    def run(number):
        try:
            barrier.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_compactors_beside_senders_lose_and_double_nothing():
    """And readers see at any moment what has been committed: no less than before, and at last all of it."""
    service = a_service()
    seen = []

    def work(number):
        if number < 2:
            keep_many(service, batches=15)
        elif number < 4:
            return sum(compact_round(now=timezone.now(), limit=3) for _ in range(25))
        else:
            seen.extend(told(service) for _ in range(15))
        return 0

    compacted = sum(in_threads(work, 5))
    assert compacted + MetricDelta.objects.count() == 30
    assert seen == sorted(seen)
    assert told(service) == RequestLog.objects.count() == 150
    compact(now=timezone.now())
    assert told(service) == 150
    call_command("check_rollups")


@pytest.mark.django_db(transaction=True)
def test_a_second_compactor_leaves_the_work_to_the_first():
    service = a_service()
    keep_many(service, batches=2)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.ROLLUP_LOCK])
        assert in_threads(lambda _: compact(now=timezone.now()), 1) == [0]
    assert compact(now=timezone.now()) == 2


@pytest.mark.django_db
def test_logs_of_a_removed_service_do_not_come_back_as_numbers():
    service, other = a_service(), a_service()
    keep_many(service, batches=3)
    compact(now=timezone.now())
    keep_logs(service, a_log())
    keep_logs(other, a_log())
    service.mark_deleted(now=timezone.now())

    purge(service.id)
    compact(now=timezone.now())

    assert set(MetricRollup.objects.values_list("service_id", flat=True)) == {other.id}
    assert not MetricDelta.objects.exists()


@pytest.mark.django_db
def test_rollups_go_when_their_time_is_over():
    service = a_service()
    now = timezone.now()
    keep_many(service, batches=1)
    compact(now=now)

    def left(later):
        rollups.remove_old(now=now + later)
        return {
            (family, resolution)
            for family, resolution in MetricRollup.objects.values_list("family", "resolution")
        }

    assert len(left(timedelta(hours=47))) == 19
    assert left(timedelta(hours=51)) & {
        ("answer", "minute"),
        ("endpoint", "minute"),
        ("total", "minute"),
    } == {("total", "minute")}
    assert {resolution for _, resolution in left(timedelta(days=60))} == {"hour", "6hours", "day"}
    assert {resolution for _, resolution in left(timedelta(days=92))} == {"day"}
    assert left(timedelta(days=402)) == set()


@pytest.mark.django_db
def test_numbers_outlive_the_logs():
    service = a_service()
    long_ago = timezone.now() - timedelta(days=20)
    keep_logs(service, *[a_log(timestamp=rfc3339(long_ago), latency_ms=40.0)] * 3, a_log())
    compact(now=timezone.now())
    RequestLog.objects.filter(captured_at__lt=timezone.now() - timedelta(days=10)).delete()

    assert told(service) == 4
    assert told(service, since=long_ago - timedelta(hours=1), until=long_ago + timedelta(hours=2)) == 3


@pytest.mark.sql
@pytest.mark.django_db
def test_the_check_finds_and_repairs_what_is_wrong(capsys):
    service = a_service()
    keep_many(service, batches=4)
    call_command("check_rollups")
    right = {row.pk: row.requests for row in MetricRollup.objects.all()}
    MetricRollup.objects.filter(family="total").update(requests=1)
    MetricRollup.objects.filter(family="answer").delete()
    MetricRollup.objects.filter(family="consumer", resolution="day").update(subject=str(service.id))

    with pytest.raises(CommandError):
        call_command("check_rollups", service=service.id)
    call_command("check_rollups", repair=True)
    call_command("check_rollups")

    assert {row.pk: row.requests for row in MetricRollup.objects.all()} == right
    assert "0 rows wrong" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.django_db
def test_the_check_leaves_aggregates_of_clients_alone():
    service = a_service()
    keep_many(service, batches=1)
    compact(now=timezone.now())
    row = MetricRollup.objects.filter(family="total", resolution="day").get()
    row.source = Source.CLIENT
    row.requests = 777
    row.save(force_insert=True)

    call_command("check_rollups", repair=True)

    assert MetricRollup.objects.get(source=Source.CLIENT).requests == 777
    assert told(service) == 5


@pytest.mark.django_db
def test_the_check_refuses_a_service_that_is_not_there():
    with pytest.raises(CommandError, match="no service"):
        call_command("check_rollups", service=a_service().organization_id)


def test_much_that_waits_makes_the_worker_hurry_but_not_all_the_time():
    waiting = _Waiting()

    asked = [waiting.is_much_with(1) for _ in range(3 * HURRY_AFTER_DELTAS)]

    assert asked.count(True) == 1
    assert asked.index(True) == HURRY_AFTER_DELTAS - 1


@pytest.mark.django_db
def test_the_worker_is_asked_once(monkeypatch):
    monkeypatch.setattr("monitor.metrics.deltas._waiting", _Always())
    service = a_service()

    keep_logs(service, a_log())
    keep_logs(service, a_log())

    jobs = ProcrastinateJob.objects.filter(task_name__endswith="compact_deltas")
    assert [job.queueing_lock for job in jobs] == ["compact_deltas"]


class _Always:
    def is_much_with(self, logs):
        return True


@pytest.mark.django_db
def test_test_and_live_are_kept_apart():
    service = a_service()
    keep_logs(service, a_log(), a_log())
    keep_logs(service, a_log(), mode="test")
    compact(now=timezone.now())

    assert (told(service), told(service, mode="live"), told(service, mode="test")) == (3, 2, 1)


@pytest.mark.django_db
def test_groups_say_how_many_were_left_out():
    service = a_service()
    keep_many(service, batches=1)

    found = groups_for(question_about(service), by=GroupBy.ENDPOINT, limit=2)

    assert (len(found.groups), found.more) == (2, 3)
