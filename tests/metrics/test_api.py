"""GET /v1/metrics against numbers computed by hand from the same logs."""

import random
import statistics
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import RequestLog
from tests.factories import a_client, a_key, a_log, a_service, an_organization, keep_logs, rfc3339

NOTHING = {
    "total_requests": 0,
    "error_count": 0,
    "error_rate": 0.0,
    "avg_latency_ms": None,
    "p50_latency_ms": None,
    "p95_latency_ms": None,
    "p99_latency_ms": None,
    "by_method": {},
    "by_status": {},
}


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


def percentile(values, rank):
    """Definition 7 of Hyndman & Fan, as numpy and PostgreSQL's percentile_cont have it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def by_hand(logs):
    latencies = [log["latency_ms"] for log in logs if log["latency_ms"] is not None]
    errors = sum(log["error"] is not None or (log["status_code"] or 0) >= 500 for log in logs)
    return {
        "total_requests": len(logs),
        "error_count": errors,
        "error_rate": errors / len(logs),
        "avg_latency_ms": statistics.fmean(latencies),
        **{f"p{rank}_latency_ms": percentile(latencies, rank) for rank in (50, 95, 99)},
        "by_method": Counter(log["method"] for log in logs),
        "by_status": Counter(
            "none" if log["status_code"] is None else str(log["status_code"]) for log in logs
        ),
    }


def test_nothing_logged_gives_zeros_and_nulls(reader):
    assert reader.get("/v1/metrics").json() == NOTHING


def test_an_actor_without_services_gets_zeros_and_nulls(db):
    reader = a_client(a_key(organization=an_organization())[1])

    assert reader.get("/v1/metrics").json() == NOTHING


@pytest.mark.parametrize("seed", range(4))
def test_the_numbers_are_those_computed_by_hand(service, reader, seed):
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    logs = [
        a_log(
            method=dice.choice(["GET", "POST", "DELETE"]),
            status_code=dice.choice([200, 200, 204, 301, 404, 499, 500, 503, 0, 999, None]),
            latency_ms=dice.choice([None, 0.0, dice.lognormvariate(3, 1), float(dice.randint(1, 9))]),
            error=dice.choice([None, None, None, "broke"]),
        )
        for _ in range(dice.choice([7, 60, 300]))
    ]
    keep_logs(service, *logs)

    measured = reader.get("/v1/metrics").json()

    expected = by_hand(logs)
    for counts in ("by_method", "by_status"):
        assert measured.pop(counts) == expected.pop(counts)
    assert measured == pytest.approx(expected, rel=1e-12)


def test_one_log_is_every_percentile(service, reader):
    keep_logs(service, a_log(latency_ms=7.5))

    measured = reader.get("/v1/metrics").json()

    assert {measured[name] for name in measured if name.endswith("latency_ms")} == {7.5}


def test_percentiles_interpolate_between_neighbours(service, reader):
    keep_logs(service, *[a_log(latency_ms=latency) for latency in (10, 20, 30, 40)])

    measured = reader.get("/v1/metrics").json()

    assert measured["p50_latency_ms"] == 25
    assert measured["p95_latency_ms"] == pytest.approx(38.5)
    assert measured["p99_latency_ms"] == pytest.approx(39.7)


def test_logs_without_latency_count_and_measure_nothing(service, reader):
    keep_logs(service, a_log(latency_ms=None), a_log(latency_ms=None, status_code=None))

    measured = reader.get("/v1/metrics").json()

    assert (measured["total_requests"], measured["avg_latency_ms"], measured["p95_latency_ms"]) == (
        2,
        None,
        None,
    )
    assert measured["by_status"] == {"200": 1, "none": 1}


@pytest.mark.parametrize(
    ("status_code", "error", "counts"),
    [
        (499, None, 0),
        (500, None, 1),
        (200, "broke", 1),
        (200, "", 0),
        (None, "lost", 1),
        (None, None, 0),
        (999, None, 1),
    ],
)
def test_an_error_is_error_text_or_a_status_of_500_and_above(service, reader, status_code, error, counts):
    keep_logs(service, a_log(status_code=status_code, error=error))

    measured = reader.get("/v1/metrics").json()

    assert (measured["error_count"], measured["error_rate"]) == (counts, float(counts))


def test_a_service_and_a_window_narrow_what_is_measured(service):
    now = timezone.now()
    other = a_service(service.organization)
    for each, minutes, latency in [(service, 60, 1), (service, 30, 2), (service, 10, 4), (other, 30, 8)]:
        keep_logs(each, a_log(latency_ms=latency, timestamp=rfc3339(now - timedelta(minutes=minutes))))
    keep_logs(a_service(), a_log(latency_ms=1000))
    reader = a_client(a_key(organization=service.organization)[1])

    def total_latency(**params):
        measured = reader.get("/v1/metrics", params).json()
        return measured["total_requests"] * (measured["avg_latency_ms"] or 0)

    half_past = rfc3339(now - timedelta(minutes=30))
    assert total_latency() == pytest.approx(15)
    assert total_latency(service_id=service.id) == pytest.approx(7)
    assert total_latency(service_id=service.id, since=half_past) == pytest.approx(6)
    assert total_latency(service_id=service.id, until=half_past) == pytest.approx(1)
    assert total_latency(since=half_past, until=rfc3339(now - timedelta(minutes=10))) == pytest.approx(10)
    assert total_latency(min_latency_ms=2, max_latency_ms=4) == pytest.approx(6)


def test_what_is_measured_equals_what_is_listed(service, reader):
    keep_logs(service, *[a_log(status_code=code) for code in (200, 404, 500)] * 3)

    for filters in ("", "status_class=5xx", "status_code=404", "method=put", "path=orders"):
        listed = reader.get(f"/v1/logs?count=exact&{filters}")["X-Total-Count"]
        assert reader.get(f"/v1/metrics?{filters}").json()["total_requests"] == int(listed), filters


@pytest.mark.parametrize(
    ("name", "value"),
    [("service_id", "shop"), ("since", "soon"), ("until", "2026-11-21T09:30:00"), ("status_code", "x")],
)
def test_a_bad_value_is_refused_by_name(reader, name, value):
    answer = reader.get("/v1/metrics", {name: value})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_query_budget(service, reader, django_assert_num_queries):
    keep_logs(service, *[a_log(method=method) for method in ("GET", "PUT")] * 5)
    reader.get("/v1/metrics")

    # the key; the services in reach; totals and percentiles; counts by method and status.
    with django_assert_num_queries(4):
        reader.get("/v1/metrics")
    assert RequestLog.objects.count() == 10
