"""Days that are over are read in longer spans, and say the same."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from monitor.metrics import GroupBy, ask, groups_for, measure_for, series_for
from monitor.metrics.breakdown import Breakdown
from monitor.metrics.compact import compact
from monitor.metrics.folds import fold, fold_service
from monitor.metrics.subjects import move_all
from monitor.metrics.tiles import BLOCKS
from monitor.models import CountedDay, Endpoint, MetricFold, MetricRollup, RequestLog
from monitor.models.metrics import Family
from monitor.search import LogFilter
from tests.factories import a_log, a_service, keep_logs, rfc3339

NOW = datetime.now(UTC).replace(microsecond=0)
DAYS = 28
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _histograms(monkeypatch):
    """No question is small enough to be answered from the logs themselves."""
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)


def a_month(*services):
    """A log every seven hours, of several endpoints, consumers, statuses and environments, added up."""
    for number in range(DAYS * 24 // 7):
        log = a_log(
            timestamp=rfc3339(NOW - timedelta(hours=7 * number, minutes=number % 60)),
            route=f"/r{number % 3}",
            consumer=f"c{number % 4}",
            status_code=(200, 200, 404, 500)[number % 4],
            environment=("", "eu")[number % 2],
            latency_ms=float(number),
        )
        keep_logs(services[number % len(services)], log, now=NOW)
    compact(now=NOW)


def question_about(*services, days=DAYS, **parameters):
    ids = [service.id for service in services]
    data = {"since": rfc3339(NOW - timedelta(days=days)), **parameters}
    asked = LogFilter(data, queryset=RequestLog.objects.of_services(ids))
    assert asked.is_valid(), asked.errors
    return ask(service_ids=ids, asked=asked, now=NOW)


def resolutions_of(question, family=Family.TOTAL):
    return {tile.resolution for tile in question.plan(family).tiles}


WINDOWS = [
    {},
    {"days": 27, "until": rfc3339(NOW - timedelta(days=2, hours=5))},
    {"days": 21, "environment": "eu"},
    {"days": 20, "status_class": "4xx"},
    {"days": 17, "consumer": "c1"},
    {"days": 9, "method": "GET"},
]


@pytest.mark.sql
@pytest.mark.parametrize("asked", WINDOWS, ids=[str(number) for number in range(len(WINDOWS))])
def test_windows_over_folded_days_count_what_the_logs_count(asked):
    services = [a_service(), a_service()]
    a_month(*services)
    before = measure_for(question_about(*services, **asked))
    fold(now=NOW)

    question = question_about(*services, **asked)
    measured, numbers = measure_for(question)

    logs = list(question.logs)
    assert resolutions_of(question) & set(BLOCKS)
    assert (measured.total_requests, measured.error_count) == (len(logs), sum(log.failed for log in logs))
    assert numbers.answers == Counter((log.method, log.status_code) for log in logs)
    assert numbers.mean_ms == pytest.approx(sum(log.latency_ms for log in logs) / len(logs))
    assert measured.p95_latency_ms == before[0].p95_latency_ms


@pytest.mark.sql
@pytest.mark.parametrize("by", list(GroupBy))
def test_groups_of_folded_days_are_those_of_days(by):
    service = a_service()
    a_month(service)
    unfolded = groups_for(question_about(service), by=by)
    fold(now=NOW)

    folded = groups_for(question_about(service), by=by)

    assert [(group.label, group.numbers.requests) for group in folded.groups] == [
        (group.label, group.numbers.requests) for group in unfolded.groups
    ]
    assert [group.numbers.percentiles_ms for group in folded.groups] == [
        group.numbers.percentiles_ms for group in unfolded.groups
    ]


def test_steps_of_weeks_add_up_to_the_whole():
    service = a_service()
    a_month(service)
    fold(now=NOW)

    series = series_for(question_about(service), step=timedelta(days=4))
    together, _ = measure_for(question_about(service), whole=series.whole)
    alone, _ = measure_for(question_about(service))

    assert sum(bucket.total for bucket in series.buckets) == alone.total_requests
    assert together.p95_latency_ms == alone.p95_latency_ms
    assert (together.by_status, together.by_method) == (alone.by_status, alone.by_method)
    assert together.avg_latency_ms == pytest.approx(alone.avg_latency_ms)


@pytest.mark.sql
def test_facets_count_folded_days():
    service = a_service()
    a_month(service)
    fold(now=NOW)
    question = question_about(service)

    parts = Breakdown(
        service_ids=[service.id],
        since=question.since,
        until=question.until,
        whole_from=question.since,
        now=NOW,
        logs=RequestLog.objects.of_services([service.id]),
        takes=lambda family, part: True,
    ).count([Family.CONSUMER], with_answers=True)[Family.CONSUMER]

    assert sum(parts.values()) == question.logs.count()
    assert Counter(part.status_code for part in parts.elements()) == Counter(
        question.logs.values_list("status_code", flat=True)
    )


def test_what_comes_late_is_added_to_the_spans_it_belongs_to():
    service = a_service()
    a_month(service)
    fold(now=NOW)
    late = [a_log(timestamp=rfc3339(NOW - timedelta(days=days)), latency_ms=9000.0) for days in (6, 12, 25)]

    keep_logs(service, *late, now=NOW)
    compact(now=NOW)

    question = question_about(service)
    assert resolutions_of(question) & set(BLOCKS)
    assert measure_for(question)[0].total_requests == question.logs.count() == DAYS * 24 // 7 + 3
    call_command("check_rollups")


def test_a_service_that_is_not_folded_yet_has_days_read_of_all():
    old, new = a_service(), a_service()
    a_month(old, new)
    fold_service(old.id, now=NOW)

    assert resolutions_of(question_about(old)) & set(BLOCKS)
    question = question_about(old, new)
    assert not resolutions_of(question) & set(BLOCKS)
    assert measure_for(question)[0].total_requests == question.logs.count()


def test_folding_again_makes_nothing_and_goes_on_with_time():
    service = a_service()
    a_month(service)

    assert fold(now=NOW) > 0
    assert fold(now=NOW) == 0
    # Of sixteen days, one each four times.
    assert fold(now=NOW + timedelta(days=16)) == 5
    call_command("check_rollups")


def test_a_service_without_numbers_is_folded_at_once():
    service = a_service()

    assert fold(now=NOW) == 0

    assert MetricFold.objects.get(service=service).until <= NOW
    assert not MetricRollup.objects.exists()


def test_days_that_clients_counted_are_read_one_by_one():
    service = a_service()
    a_month(service)
    fold(now=NOW)
    day = (NOW - timedelta(days=10)).date()
    CountedDay.objects.create(service=service, environment="eu", mode="live", day=day)

    question = question_about(service)

    assert not resolutions_of(question) & set(BLOCKS)


@pytest.mark.sql
def test_the_check_finds_and_repairs_wrong_spans(capsys):
    service = a_service()
    a_month(service)
    fold(now=NOW)
    right = {row.pk: row.requests for row in MetricRollup.objects.all()}
    MetricRollup.objects.filter(resolution="4days", family="total").update(requests=1)
    MetricRollup.objects.filter(resolution="16days", family="answer").delete()

    with pytest.raises(CommandError):
        call_command("check_rollups")
    call_command("check_rollups", repair=True)
    call_command("check_rollups")

    assert {row.pk: row.requests for row in MetricRollup.objects.all()} == right


def test_an_endpoint_that_becomes_another_takes_its_spans_along():
    service = a_service()
    a_month(service)
    fold(now=NOW)
    source = Endpoint.objects.get(service=service, route="/r0")
    target = Endpoint.objects.get(service=service, route="/r1")
    days = {(NOW - timedelta(days=number)).date() for number in range(DAYS + 1)}
    expected = question_about(service).logs.filter(endpoint__in=[source, target]).count()

    def move_logs(since, until):
        return RequestLog.objects.within(since, until).filter(endpoint=source).update(endpoint=target)

    for day in days:
        move_all(service.id, day, source=source.id, target=target.id, move_logs=move_logs, now=NOW)

    question = question_about(service, endpoint_id=target.id)
    assert resolutions_of(question, Family.ENDPOINT) & set(BLOCKS)
    assert measure_for(question)[0].total_requests == expected
    assert not MetricRollup.objects.filter(subject=str(source.id)).exists()
    call_command("check_rollups")
