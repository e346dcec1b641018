"""Whatever was compacted and whatever waits: the numbers are those of counting the logs."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.metrics import GroupBy, ask, groups_for, measure_for, series_for
from monitor.metrics.compact import compact
from monitor.metrics.series import starts
from monitor.models import Endpoint, RequestLog
from monitor.search import LogFilter
from tests.factories import a_log, a_service, keep_logs, rfc3339

NOW = datetime.now().astimezone().replace(microsecond=0)
SPREAD_S = 5 * 86_400

moments = st.one_of(
    st.integers(0, SPREAD_S * 1000).map(lambda ms: NOW - timedelta(milliseconds=ms)),
    # At and around whole minutes, hours and days, where tiles meet edges.
    st.tuples(st.integers(0, 400), st.sampled_from([60, 3600, 86_400]), st.integers(-1, 1)).map(
        lambda drawn: min(
            max(whole(drawn[1]) - timedelta(seconds=drawn[0] * drawn[1], milliseconds=drawn[2]), oldest()),
            NOW,
        )
    ),
)


def whole(seconds):
    return datetime.fromtimestamp(NOW.timestamp() // seconds * seconds, tz=NOW.tzinfo)


def oldest():
    return NOW - timedelta(seconds=SPREAD_S)


logs_of_a_batch = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": moments,
            "method": st.sampled_from(["GET", "POST"]),
            "status_code": st.sampled_from([200, 200, 404, 500, 0, 999, None]),
            "latency_ms": st.sampled_from([None, 0.0, 0.4, 7.0, 130.0, 9000.5]),
            "error": st.sampled_from([None, None, "broke"]),
            "environment": st.sampled_from(["", "eu"]),
            "route": st.sampled_from(["/a", "/b"]),
            "consumer": st.sampled_from([None, "acme", "zen"]),
            "request_body": st.sampled_from([None, "four"]),
        }
    ),
    max_size=12,
)


@dataclass
class Asked:
    filters: dict
    since: datetime
    until: datetime


questions = st.builds(
    Asked,
    filters=st.sampled_from(
        [
            {},
            {"environment": "eu"},
            {"mode": "live"},
            {"method": "get"},
            {"status_code": 404},
            {"status_class": "5xx"},
            {"method": "POST", "status_class": "2xx"},
            {"consumer": "acme"},
            {"endpoint_id": "/a"},
            {"path": "orders"},
            {"endpoint_id": "/b", "status_code": 200},
        ]
    ),
    since=moments,
    until=moments,
)


def question_about(service, asked):
    data = {name: str(value) for name, value in asked.filters.items()}
    if "endpoint_id" in data:
        found = Endpoint.objects.filter(service=service, route=data["endpoint_id"]).first()
        data["endpoint_id"] = str(found.id if found else service.id)
    data |= {"since": rfc3339(asked.since), "until": rfc3339(asked.until)}
    filterset = LogFilter(data, queryset=RequestLog.objects.of_services([service.id]))
    assert filterset.is_valid(), filterset.errors
    return ask(service_ids=[service.id], asked=filterset, now=NOW)


def keep(service, batches):
    for index, batch in enumerate(batches):
        logs = [a_log(**{**log, "timestamp": rfc3339(log["timestamp"])}) for log in batch]
        keep_logs(service, *logs, now=NOW, mode="test" if index % 3 == 2 else "live")
        if index % 2 == 0:
            compact(now=NOW)


@pytest.fixture
def histograms(monkeypatch):
    """No question is small enough to be answered from the logs themselves."""
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)


def as_counted(logs):
    """What the numbers must say of these logs, computed one by one."""
    return {
        "requests": len(logs),
        "errors": sum(log.failed for log in logs),
        "bytes": sum(log.request_bytes or 0 for log in logs),
        "sized": sum(log.request_bytes is not None for log in logs),
        "answers": Counter((log.method, log.status_code) for log in logs),
        "mean": pytest.approx(mean([log.latency_ms for log in logs if log.latency_ms is not None])),
    }


def as_told(numbers):
    return {
        "requests": numbers.requests,
        "errors": numbers.errors,
        "bytes": numbers.request_bytes,
        "sized": numbers.request_sized,
        "answers": numbers.answers,
        "mean": numbers.mean_ms,
    }


def mean(values):
    return sum(values) / len(values) if values else None


NAMES = {
    GroupBy.ENDPOINT: lambda log: str(log.endpoint),
    GroupBy.METHOD: lambda log: log.method,
    GroupBy.STATUS_CLASS: lambda log: (
        f"{log.status_code // 100}xx" if log.status_code and 100 <= log.status_code < 600 else "none"
    ),
    GroupBy.CONSUMER: lambda log: log.consumer_identifier,
    GroupBy.ENVIRONMENT: lambda log: log.environment,
}
any_logs = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.sql
@pytest.mark.django_db
@any_logs
@given(batches=st.lists(logs_of_a_batch, max_size=5), asked=st.lists(questions, min_size=1, max_size=6))
def test_any_window_and_filter_counts_what_the_logs_count(histograms, batches, asked):
    service = a_service()
    keep(service, batches)

    for each in asked:
        question = question_about(service, each)
        measured, numbers = measure_for(question)

        logs = list(question.logs)
        assert as_told(numbers) == as_counted(logs), each
        assert measured.total_requests == len(logs)
        assert sum(measured.by_status.values()) == sum(measured.by_method.values()) == len(logs)


@pytest.mark.sql
@pytest.mark.django_db
@any_logs
@given(
    batches=st.lists(logs_of_a_batch, max_size=4),
    asked=questions,
    by=st.sampled_from(list(GroupBy)),
)
def test_any_group_counts_what_its_logs_count(histograms, batches, asked, by):
    service = a_service()
    keep(service, batches)
    question = question_about(service, asked)

    told = groups_for(question, by=by)

    expected = {}
    for log in question.logs.with_names():
        expected.setdefault(NAMES[by](log), []).append(log)
    assert {group.label: as_told(group.numbers) for group in told.groups} == {
        name: as_counted(logs) for name, logs in expected.items()
    }


@pytest.mark.sql
@pytest.mark.django_db
@any_logs
@given(
    batches=st.lists(logs_of_a_batch, max_size=4),
    asked=questions,
    step=st.sampled_from([90, 600, 1800, 3600, 3 * 3600, 86_400]),
)
def test_any_series_counts_what_the_logs_count_in_each_step(histograms, batches, asked, step):
    service = a_service()
    keep(service, batches)
    question = question_about(service, asked)
    length = timedelta(seconds=step)

    series = series_for(question, step=length)

    assert [bucket.start for bucket in series.buckets] == list(starts(question.since, question.until, length))
    for bucket, numbers in zip(series.buckets, series.numbers, strict=True):
        within = question.logs.within(bucket.start, bucket.start + length)
        assert as_told(numbers) == as_counted(list(within))
        assert sum(bucket.by_class.values()) == bucket.total
