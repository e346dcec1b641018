"""Hours of consumers are kept as long as logs where they stand for many, and counted from these."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from monitor.metrics import GroupBy, ask, groups_for, rollups
from monitor.metrics.compact import compact
from monitor.metrics.folds import fold
from monitor.metrics.hours import keep_hours, keep_hours_of
from monitor.models import CountedDay, MetricFold, MetricRollup, RequestLog
from monitor.models.metrics import Family, Resolution
from monitor.search import LogFilter
from tests.factories import a_log, a_service, keep_logs, rfc3339

NOW = datetime.now(UTC).replace(microsecond=0)
DAYS = 20
OLD = MetricRollup.objects.filter(
    family="consumer", resolution="hour", start__lt=NOW - timedelta(days=8, hours=2)
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _histograms(monkeypatch):
    """No question is small enough to be answered from the logs themselves."""
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)


def keep_weeks(service, *, together):
    """Twice a day, so many requests of one consumer together."""
    logs = [
        a_log(timestamp=rfc3339(NOW - timedelta(hours=12 * number + 1)), consumer=f"c{number % 3}")
        for number in range(DAYS * 2)
        for _ in range(together)
    ]
    keep_logs(service, *logs, now=NOW)
    compact(now=NOW)
    fold(now=NOW)


def question_about(*services, since):
    ids = [service.id for service in services]
    asked = LogFilter({"since": rfc3339(since)}, queryset=RequestLog.objects.of_services(ids))
    assert asked.is_valid(), asked.errors
    return ask(service_ids=ids, asked=asked, now=NOW)


def edges_of(question):
    return sum((edge.until - edge.since for edge in question.plan(Family.CONSUMER).edges), start=timedelta())


@pytest.mark.sql
def test_hours_that_are_missing_are_counted_from_the_logs():
    service = a_service()
    keep_weeks(service, together=10)
    assert not OLD.exists()
    # Begins where no six hours do.
    since = (NOW - timedelta(days=17)).replace(hour=7, minute=30, second=0)
    before = groups_for(question_about(service, since=since), by=GroupBy.CONSUMER)
    assert edges_of(question_about(service, since=since)) > timedelta(hours=3)

    assert keep_hours(now=NOW) > 9

    question = question_about(service, since=since)
    after = groups_for(question, by=GroupBy.CONSUMER)
    assert edges_of(question) == timedelta(minutes=30)
    assert OLD.exists()
    assert [(group.label, group.numbers) for group in after.groups] == [
        (group.label, group.numbers) for group in before.groups
    ]
    assert sum(group.numbers.requests for group in after.groups) == question.logs.count()
    call_command("check_rollups")


def test_they_are_not_kept_where_each_request_has_an_hour_of_its_own():
    service = a_service()
    keep_weeks(service, together=1)

    assert keep_hours(now=NOW) == 0

    assert MetricFold.objects.get(service=service).hours_from is None
    assert not OLD.exists()


def test_they_are_given_up_when_requests_grow_few_but_not_at_once():
    service = a_service()
    keep_weeks(service, together=10)
    keep_hours(now=NOW)
    recent = MetricRollup.objects.filter(
        family="consumer", resolution="hour", start__gte=NOW - timedelta(days=5)
    )

    recent.update(requests=6)
    keep_hours(now=NOW)
    assert MetricFold.objects.get(service=service).hours_from is not None

    recent.update(requests=1)
    keep_hours(now=NOW)
    rollups.remove_old(now=NOW)

    assert MetricFold.objects.get(service=service).hours_from is None
    assert not OLD.exists()


def test_cleaning_up_leaves_them_until_their_logs_go():
    service = a_service()
    keep_weeks(service, together=10)
    keep_hours(now=NOW)
    there = OLD.count()

    rollups.remove_old(now=NOW)
    assert OLD.count() == there > 0

    rollups.remove_old(now=NOW + timedelta(days=60))
    assert not OLD.exists()


def test_what_comes_late_is_added_to_them():
    service = a_service()
    keep_weeks(service, together=10)
    keep_hours(now=NOW)

    keep_logs(service, a_log(timestamp=rfc3339(NOW - timedelta(days=12)), consumer="late"), now=NOW)
    compact(now=NOW)

    assert OLD.filter(start__gte=NOW - timedelta(days=12, hours=1), requests=1).count() == 1
    call_command("check_rollups")


def test_what_waits_as_a_delta_is_not_counted_twice():
    service = a_service()
    keep_weeks(service, together=10)
    keep_logs(service, a_log(timestamp=rfc3339(NOW - timedelta(days=12)), consumer="waits"), now=NOW)

    keep_hours(now=NOW)
    compact(now=NOW)

    call_command("check_rollups")
    assert groups_total(service) == RequestLog.objects.filter(service=service).count()


def groups_total(service):
    question = question_about(service, since=NOW - timedelta(days=19, hours=3, minutes=20))
    groups = groups_for(question, by=GroupBy.CONSUMER).groups
    missing = RequestLog.objects.filter(service=service).count() - question.logs.count()
    return sum(group.numbers.requests for group in groups) + missing


def test_days_that_clients_counted_end_them():
    service = a_service()
    keep_weeks(service, together=10)
    day = (NOW - timedelta(days=11)).date()
    CountedDay.objects.create(service=service, environment="", mode="live", day=day)

    keep_hours_of(service.id, now=NOW)

    assert MetricFold.objects.get(service=service).hours_from.date() == day + timedelta(days=1)


def test_without_those_of_one_service_hours_are_read_of_none():
    old = a_service()
    keep_weeks(old, together=10)
    keep_hours(now=NOW)
    new = a_service()
    keep_logs(new, a_log(timestamp=rfc3339(NOW - timedelta(days=16))), now=NOW)
    since = (NOW - timedelta(days=17)).replace(hour=7, minute=30, second=0)

    assert edges_of(question_about(old, since=since)) == timedelta(minutes=30)
    question = question_about(old, new, since=since)
    assert edges_of(question) > timedelta(hours=3)
    total = sum(group.numbers.requests for group in groups_for(question, by=GroupBy.CONSUMER).groups)
    assert total == question.logs.count()
    assert Resolution.HOUR not in {tile.resolution for tile in question.plan(Family.CONSUMER).tiles[:2]}
