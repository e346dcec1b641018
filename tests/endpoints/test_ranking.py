"""GET /v1/endpoints, held against a count by hand: with few logs, and from rollups."""

from collections import defaultdict
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.metrics.compact import compact
from monitor.models import Endpoint, RequestLog
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs, rfc3339

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


@pytest.fixture(params=["exact", "histogram"])
def method(request, monkeypatch):
    """Both ways of telling latencies; counts must not differ."""
    if request.param == "histogram":
        monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)
    return request.param


def percentile(values, rank):
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def traffic(now):
    """Over two days: often and fast, seldom and slow, failing."""
    logs = []
    for n in range(60):
        at = rfc3339(now - timedelta(minutes=47 * n))
        logs.append(a_log(route="/fast", latency_ms=5.0 + n % 7, timestamp=at))
        if n % 6 == 0:
            logs.append(a_log(route="/slow", method="POST", latency_ms=900.0 + n, timestamp=at))
        if n % 4 == 0:
            status = 500 if n % 8 == 0 else 200
            logs.append(a_log(route="/broken", status_code=status, latency_ms=40.0, timestamp=at))
    return [{**log, "response_body": "abc"} for log in logs]


def test_the_numbers_are_those_counted_by_hand(service, reader, method):
    now = timezone.now()
    logs = traffic(now)
    keep_logs(service, *logs)
    compact(now=now)
    since = now - timedelta(hours=30, minutes=7)
    by_route = defaultdict(list)
    for log in logs:
        if log["timestamp"] >= rfc3339(since):
            by_route[log["route"]].append(log)
    total = sum(len(kept) for kept in by_route.values())

    rows = reader.get("/v1/endpoints", {"since": rfc3339(since)}).json()

    assert {row["route"] for row in rows} == set(by_route)
    for row in rows:
        kept = by_route[row["route"]]
        errors = sum(log["status_code"] >= 500 for log in kept)
        latencies = [log["latency_ms"] for log in kept]
        p95 = percentile(latencies, 0.95)
        assert (row["requests"], row["errors"]) == (len(kept), errors)
        assert row["error_rate"] == errors / len(kept)
        assert row["share"] == len(kept) / total
        assert row["response_bytes"] == 3 * len(kept)
        assert row["p50_latency_ms"] == pytest.approx(percentile(latencies, 0.5), rel=0.006)
        assert row["p95_latency_ms"] == pytest.approx(p95, rel=0.006)
        assert row["impact_ms"] == pytest.approx(len(kept) * p95, rel=0.006)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        # 10 x 950, 60 x 11, 15 x 40.
        ("impact", ["/slow", "/fast", "/broken"]),
        ("requests", ["/fast", "/broken", "/slow"]),
        ("error_rate", ["/broken", "/fast", "/slow"]),
        ("p95", ["/slow", "/broken", "/fast"]),
        ("p50", ["/slow", "/broken", "/fast"]),
        ("route", ["/broken", "/fast", "/slow"]),
    ],
)
def test_the_list_is_in_the_order_that_was_asked_for(service, reader, method, sort, expected):
    keep_logs(service, *traffic(timezone.now()))

    rows = reader.get(f"/v1/endpoints?sort={sort}").json()
    other = "desc" if sort == "route" else "asc"
    turned = reader.get(f"/v1/endpoints?sort={sort}&order={other}").json()

    assert [row["route"] for row in rows] == expected
    # Equals keep to their routes either way.
    ties = {"error_rate": ["/fast", "/slow", "/broken"]}
    assert [row["route"] for row in turned] == ties.get(sort, expected[::-1])


def test_an_endpoint_is_seen_last_when_its_newest_log_happened(service, reader):
    now = timezone.now()
    for route, hours in (("/a", 5), ("/b", 1), ("/c", 9)):
        keep_logs(service, a_log(route=route, timestamp=rfc3339(now - timedelta(hours=hours))))

    rows = reader.get("/v1/endpoints?sort=last_seen").json()

    assert [row["route"] for row in rows] == ["/b", "/a", "/c"]
    newest = RequestLog.objects.get(endpoint__route="/b").captured_at
    assert rows[0]["last_seen_at"] == rfc3339(newest)


def test_what_is_not_called_in_the_window_has_zeros_and_is_still_listed(service, reader):
    now = timezone.now()
    keep_logs(service, a_log(route="/old", timestamp=rfc3339(now - timedelta(hours=30))), a_log(route="/new"))
    Endpoint.objects.create(service=service, method="GET", route="/never", first_seen_at=now)

    rows = {
        row["route"]: row
        for row in reader.get("/v1/endpoints", {"since": rfc3339(now - timedelta(hours=1))}).json()
    }

    assert (rows["/old"]["requests"], rows["/old"]["p95_latency_ms"]) == (0, None)
    assert rows["/old"]["last_seen_at"] is not None
    assert (rows["/never"]["requests"], rows["/never"]["last_seen_at"]) == (0, None)


def test_the_last_day_is_known_once_the_logs_are_gone(service, reader):
    now = timezone.now()
    keep_logs(service, a_log(route="/gone", timestamp=rfc3339(now - timedelta(days=3))))
    compact(now=now)
    RequestLog.objects.all().delete()

    (row,) = reader.get("/v1/endpoints").json()

    day = (now - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert row["last_seen_at"] == rfc3339(day)


def test_pages_hold_every_endpoint_once(service, reader):
    keep_logs(service, *[a_log(route=f"/r{n}", latency_ms=float(n)) for n in range(1, 8)])

    address, seen = "/v1/endpoints?limit=3&count=exact", []
    while address:
        answer = reader.get(address)
        assert answer["X-Total-Count"] == "7"
        seen += [row["route"] for row in answer.json()]
        address = answer["Link"].split(">")[0].lstrip("<") if "Link" in answer else None

    assert seen == [f"/r{n}" for n in range(7, 0, -1)]


def test_the_list_narrows_by_service_environment_and_mode(service):
    sibling = a_service(service.organization)
    keep_logs(service, a_log(route="/mine", environment="eu"), a_log(route="/mine", environment="us"))
    keep_logs(service, a_log(route="/mine"), mode="test")
    keep_logs(sibling, a_log(route="/theirs"))
    reader = a_client(user=a_user(service.organization, "viewer"))

    def told(**filters):
        rows = reader.get("/v1/endpoints", filters).json()
        return {row["route"]: row["requests"] for row in rows}

    assert told() == {"/mine": 3, "/theirs": 1}
    assert told(service_id=str(service.id)) == {"/mine": 3}
    assert told(environment="eu") == {"/mine": 1, "/theirs": 0}
    assert told(mode="test") == {"/mine": 1, "/theirs": 0}


def test_another_organizations_endpoints_are_not_there(service, reader):
    foreign = a_service(an_organization())
    keep_logs(foreign, a_log(route="/foreign"))
    keep_logs(service, a_log(route="/mine"))

    assert [row["route"] for row in reader.get("/v1/endpoints").json()] == ["/mine"]
    assert reader.get(f"/v1/endpoints?service_id={foreign.id}").json() == []


@pytest.mark.parametrize(
    "bad", ["sort=speed", "order=up", "since=soon", "cursor=x", "limit=0", "service_id=1"]
)
def test_what_cannot_be_meant_is_refused(reader, bad):
    answer = reader.get(f"/v1/endpoints?{bad}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == bad.split("=")[0]


def test_the_list_costs_the_same_however_long_it_is(service, reader, django_assert_num_queries):
    keep_logs(service, *[a_log(route=f"/r{n}") for n in range(30)])

    # 2 key and its last use, 1 services, 2 the days whose logs are all there; the limit with 4 of its own,
    # whether clients have counted, what was counted, the few logs; names of groups, endpoints; newest
    # numbers and logs.
    with django_assert_num_queries(16):
        reader.get("/v1/endpoints")
