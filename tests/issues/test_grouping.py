"""Failures become issues once each, whatever happens in the middle and whoever else is at it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from django.db import connection, transaction
from django.utils import timezone

from monitor.issues import grouping
from monitor.issues.grouping import group_errors, group_round, remove_old
from monitor.issues.states import change_state
from monitor.models import Consumer, ErrorArrival, ErrorIssue, ErrorIssueConsumer, ErrorIssueHour, RequestLog
from monitor.services.purge import purge
from tests.factories import a_log, a_service, keep_logs, rfc3339

INVALID = json.dumps({"detail": [{"loc": ["body", "price"], "msg": "Field required"}]})


def a_failure(number=1, **fields):
    return a_log(**{"status_code": 500, "error": f"ValueError: order {number}", **fields})


def group():
    return group_errors(now=timezone.now())


@pytest.mark.django_db
def test_failures_of_one_endpoint_that_read_alike_are_one_issue():
    service = a_service()
    keep_logs(service, *[a_failure(number, consumer=f"c{number % 2}") for number in range(5)])
    keep_logs(service, a_failure(route="/other"), a_failure(error="KeyError: 'x'"), a_log())

    assert group() == 2

    alike = ErrorIssue.objects.get(endpoint__route="/orders", message="ValueError: order {n}")
    assert (alike.requests, alike.consumers, alike.kind, alike.state) == (5, 2, "server", "open")
    assert ErrorIssue.objects.count() == 3
    assert not ErrorArrival.objects.exists()


@pytest.mark.django_db
def test_validation_errors_are_issues_by_field():
    service = a_service()
    keep_logs(service, *[a_log(status_code=422, response_body=INVALID)] * 3)

    group()

    issue = ErrorIssue.objects.get()
    assert (issue.kind, issue.field, issue.message) == ("validation", "body.price", "Field required")
    assert issue.requests == 3


@pytest.mark.django_db
def test_logs_without_a_failure_leave_no_note():
    keep_logs(a_service(), a_log(), a_log(status_code=404), a_log(status_code=301))

    assert not ErrorArrival.objects.exists()


@pytest.mark.django_db
def test_a_body_that_was_not_kept_leaves_the_status():
    keep_logs(a_service(keep_bodies="none"), a_log(status_code=422, response_body=INVALID))

    group()

    assert ErrorIssue.objects.get().message == "422 Unprocessable Entity"


@pytest.mark.django_db
def test_the_last_line_of_a_long_traceback_is_read_from_the_payload():
    traceback = (
        "Traceback (most recent call last):\n" + '  File "a.py", line 1\n' * 300 + "ZeroDivisionError: no"
    )
    keep_logs(a_service(), a_failure(error=traceback))

    group()

    assert ErrorIssue.objects.get().message == "ZeroDivisionError: no"


@pytest.mark.django_db
def test_a_repeat_of_an_event_is_counted_once():
    service = a_service()
    event = a_failure(event_id="e1", timestamp=rfc3339(timezone.now()))

    keep_logs(service, event, event)
    group()
    keep_logs(service, event, a_failure())
    group()

    assert ErrorIssue.objects.get().requests == RequestLog.objects.count() == 2


@pytest.mark.django_db
def test_logs_that_are_rolled_back_are_never_counted():
    service = a_service()
    keep_logs(service, a_log())
    with transaction.atomic():
        keep_logs(service, a_failure())
        transaction.set_rollback(True)
    keep_logs(service, a_failure())

    group()

    assert ErrorIssue.objects.get().requests == 1


@pytest.mark.django_db
def test_logs_that_come_late_are_counted_in_their_own_hour():
    service = a_service()
    now = timezone.now()
    keep_logs(service, a_failure())
    group()
    keep_logs(service, *[a_failure(timestamp=rfc3339(now - timedelta(days=3)))] * 2)
    group()

    issue = ErrorIssue.objects.get()
    assert issue.requests == 3
    assert abs(issue.first_seen_at - (now - timedelta(days=3))) < timedelta(seconds=1)
    assert sorted(ErrorIssueHour.objects.values_list("requests", flat=True)) == [1, 2]


@pytest.mark.django_db
def test_samples_are_the_newest_logs_and_few():
    service = a_service()
    ids = [id_ for n in range(4) for id_ in keep_logs(service, *[a_failure(n)] * 4)]
    group()
    ids += keep_logs(service, a_failure())
    group()

    assert ErrorIssue.objects.get().samples == sorted(ids, reverse=True)[:10]


@pytest.mark.django_db
def test_a_round_that_ends_in_the_middle_has_done_nothing(monkeypatch):
    service = a_service()
    for number in range(6):
        keep_logs(service, a_failure(number))
    group_round(now=timezone.now(), limit=2)

    def fail(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(grouping, "write_hours", fail)
    with pytest.raises(KeyboardInterrupt):
        group_round(now=timezone.now(), limit=2)
    monkeypatch.undo()

    assert (ErrorIssue.objects.get().requests, ErrorArrival.objects.count()) == (2, 4)
    group()
    assert ErrorIssue.objects.get().requests == 6
    assert sum(ErrorIssueHour.objects.values_list("requests", flat=True)) == 6


@pytest.mark.django_db(transaction=True)
def test_every_failure_is_counted_once_while_senders_and_workers_run_together():
    service = a_service()
    barrier = Barrier(6)

    def send(sender):
        barrier.wait()
        for number in range(12):
            keep_logs(service, a_failure(number, consumer=f"c{sender}"), a_log())
        connection.close()

    def work(_):
        barrier.wait()
        for _ in range(15):
            group_round(now=timezone.now(), limit=3)
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(
            threads.map(
                lambda job: job[0](job[1]), [(send, n) for n in range(4)] + [(work, n) for n in range(2)]
            )
        )
    group()

    issue = ErrorIssue.objects.get()
    assert (issue.requests, issue.consumers) == (48, 4)
    assert sum(ErrorIssueHour.objects.values_list("requests", flat=True)) == 48
    assert sum(ErrorIssueConsumer.objects.values_list("requests", flat=True)) == 48


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_began_early_and_commits_late_is_not_missed():
    service = a_service()
    keep_logs(service, a_failure())
    may_commit, has_written = Event(), Event()

    def send_slowly():
        with transaction.atomic():
            keep_logs(service, a_failure())
            has_written.set()
            may_commit.wait(60)
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(send_slowly)
        assert has_written.wait(60)
        keep_logs(service, a_failure())
        group()
        assert ErrorIssue.objects.get().requests == 2
        may_commit.set()
        slow.result()
    group()

    assert ErrorIssue.objects.get().requests == 3


@pytest.mark.django_db(transaction=True)
def test_only_one_worker_groups_at_a_time():
    keep_logs(a_service(), a_failure())

    def other():
        try:
            return group()
        finally:
            connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [grouping.ISSUES_LOCK])
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(other).result() == 0
    assert group() == 1


@pytest.mark.django_db
def test_what_goes_beyond_the_cap_of_a_service_is_one_issue(settings):
    settings.MAX_ISSUES_PER_SERVICE = 3
    service = a_service()
    keep_logs(service, *[a_failure(error=f"Error of kind {letter}") for letter in "abc"])
    group()
    keep_logs(service, *[a_failure(error=f"Error of kind {letter}") for letter in "def"])
    group()
    keep_logs(service, *[a_failure(error=f"Error of kind {letter}") for letter in "abcxyz"])
    group()

    other = ErrorIssue.objects.get(endpoint=None)
    assert (other.message, other.requests) == ("(other)", 6)
    assert ErrorIssue.objects.count() == 4
    assert sum(ErrorIssue.objects.values_list("requests", flat=True)) == 12


@pytest.mark.django_db
def test_test_keys_have_issues_of_their_own():
    service = a_service()
    keep_logs(service, a_failure())
    keep_logs(service, a_failure(), mode="test")

    group()

    assert set(ErrorIssue.objects.values_list("mode", "requests")) == {("live", 1), ("test", 1)}


# --- States ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_resolved_issue_that_comes_back_has_regressed():
    service, now = a_service(), timezone.now()
    keep_logs(service, a_failure(), now=now - timedelta(hours=2))
    group()
    issue = ErrorIssue.objects.get()
    change_state(issue.id, "resolved", by="user:ada", now=now - timedelta(hours=1))

    late = rfc3339(now - timedelta(hours=2))
    keep_logs(service, a_failure(timestamp=late))
    group()
    issue.refresh_from_db()
    assert (issue.state, issue.requests) == ("resolved", 2)

    keep_logs(service, a_failure())
    group()
    issue.refresh_from_db()
    assert (issue.state, issue.state_changed_by, issue.requests) == ("regressed", "", 3)


@pytest.mark.django_db
def test_a_muted_issue_opens_at_its_volume_and_not_before():
    service = a_service()
    keep_logs(service, a_failure())
    group()
    issue = ErrorIssue.objects.get()
    change_state(issue.id, "muted", by="user:ada", now=timezone.now(), mute_requests=3)

    keep_logs(service, *[a_failure()] * 2)
    group()
    issue.refresh_from_db()
    assert issue.state == "muted"

    keep_logs(service, a_failure())
    group()
    issue.refresh_from_db()
    assert (issue.state, issue.muted_until_requests) == ("open", None)


@pytest.mark.django_db
def test_an_issue_that_is_muted_for_good_or_acknowledged_stays_so():
    service = a_service()
    keep_logs(service, a_failure(), a_failure(error="Other"))
    group()
    for issue, state in zip(ErrorIssue.objects.all(), ("muted", "acknowledged"), strict=True):
        change_state(issue.id, state, by="user:ada", now=timezone.now())

    keep_logs(service, *[a_failure()] * 50, *[a_failure(error="Other")] * 50)
    group()

    assert set(ErrorIssue.objects.values_list("state", "requests")) == {("muted", 51), ("acknowledged", 51)}


# --- Going -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_old_issues_and_old_hours_go():
    service, now = a_service(retention_days=60), timezone.now()
    keep_logs(service, a_failure(), now=now - timedelta(days=40))
    keep_logs(service, a_failure(error="Other"))
    group()
    ErrorIssue.objects.filter(message="Other").update(last_seen_at=now - timedelta(days=91))

    remove_old(now=now)

    assert [issue.message for issue in ErrorIssue.objects.all()] == ["ValueError: order {n}"]
    assert not ErrorIssueHour.objects.exists()


@pytest.mark.django_db
def test_a_service_that_is_removed_takes_its_issues_along_and_its_notes_mean_nothing():
    service = a_service()
    keep_logs(service, a_failure(consumer="acme"))
    group()
    keep_logs(service, a_failure())
    service.mark_deleted(now=timezone.now())

    group()
    assert ErrorIssue.objects.get().requests == 1
    purge(service.id)

    assert not ErrorIssue.objects.exists()
    assert Consumer.objects.exists()
