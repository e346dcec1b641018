"""GET /v1/logs: each filter alone, pairs of filters, and what they refuse."""

import itertools
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import a_client, a_key, a_log, a_service, keep_logs, rfc3339

NOW = timezone.now().replace(microsecond=0)


def at(minutes_ago):
    return rfc3339(NOW - timedelta(minutes=minutes_ago))


# Distinct in every respect, so that each filter below picks a known few.
LOGS = {
    "list": a_log(
        path="/orders",
        method="GET",
        status_code=200,
        latency_ms=10,
        timestamp=at(50),
        tags=["eu", "web"],
        environment="prod",
        consumer="acme",
        trace_id="t1",
        span_id="00f067aa0ba902b7",
    ),
    "make": a_log(
        path="/orders",
        method="POST",
        status_code=201,
        latency_ms=20.5,
        timestamp=at(40),
        tags=["eu"],
        environment="prod",
        consumer="globex",
        span_id="FFF067aa0ba902b7",
    ),
    "wrong": a_log(
        path="/Orders/17_a",
        method="post",
        status_code=404,
        latency_ms=30,
        timestamp=at(30),
        tags=["us"],
        environment="dev",
        consumer="acme",
    ),
    "failed": a_log(
        path="/pay%20now",
        method="PUT",
        status_code=500,
        latency_ms=40,
        timestamp=at(20),
        error="boom",
        environment="prod",
    ),
    "refused": a_log(path="/100%", method="DELETE", status_code=503, latency_ms=None, timestamp=at(10)),
    "lost": a_log(
        path="/back\\slash",
        method="GET",
        status_code=None,
        latency_ms=50,
        timestamp=at(5),
        error="timed out",
        environment="dev",
    ),
}
FILTERS = {
    ("method", "GET"): {"list", "lost"},
    ("method", "get"): {"list", "lost"},
    ("method", "Post"): {"make", "wrong"},
    ("method", "PATCH"): set(),
    ("path", "/orders"): {"list", "make", "wrong"},
    ("path", "ORDERS"): {"list", "make", "wrong"},
    ("path", "%"): {"failed", "refused"},
    ("path", "_"): {"wrong"},
    ("path", "\\"): {"lost"},
    ("path", "%2"): {"failed"},
    ("path", "o_d"): set(),
    ("path", "nowhere"): set(),
    ("status_code", "200"): {"list"},
    ("status_code", "0"): set(),
    ("status_class", "2xx"): {"list", "make"},
    ("status_class", "4xx"): {"wrong"},
    ("status_class", "5xx"): {"failed", "refused"},
    ("status_class", "1xx"): set(),
    ("min_latency_ms", "20.5"): {"make", "wrong", "failed", "lost"},
    ("min_latency_ms", "20.6"): {"wrong", "failed", "lost"},
    ("max_latency_ms", "20.5"): {"list", "make"},
    ("max_latency_ms", "0"): set(),
    ("has_error", "true"): {"failed", "lost"},
    ("has_error", "false"): {"list", "make", "wrong", "refused"},
    ("has_error", "True"): {"failed", "lost"},
    ("tag", "eu"): {"list", "make"},
    ("tag", "web"): {"list"},
    ("tag", "e"): set(),
    ("environment", "prod"): {"list", "make", "failed"},
    ("consumer", "acme"): {"list", "wrong"},
    ("consumer", "nobody"): set(),
    ("trace_id", "t1"): {"list"},
    ("span_id", "00F067AA0BA902B7"): {"list"},
    ("span_id", "fff067aa0ba902b7"): {"make"},
    ("span_id", "00f067aa0ba902b8"): set(),
    ("since", at(30)): {"wrong", "failed", "refused", "lost"},
    ("since", str((NOW - timedelta(minutes=30)).timestamp())): {"wrong", "failed", "refused", "lost"},
    ("until", at(30)): {"list", "make"},
    ("since", "1970-01-01T00:00:00Z"): set(LOGS),
    ("until", "2999-01-01T00:00:00+02:00"): set(LOGS),
    ("since", "2999-01-01T00:00:00Z"): set(),
    ("until", "1970-01-01T00:00:00Z"): set(),
}


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


@pytest.fixture
def found(service, reader):
    """Asks for logs and gives their names."""
    names = dict(zip(map(str, keep_logs(service, *LOGS.values())), LOGS, strict=True))

    def find(**params):
        answer = reader.get("/v1/logs", params)
        assert answer.status_code == 200, answer.content
        return [names[row["id"]] for row in answer.json()]

    return find


def test_without_a_filter_all_logs_come_newest_first(found):
    assert found() == list(LOGS)[::-1]


def test_each_filter_finds_its_logs(found):
    for (name, value), expected in FILTERS.items():
        assert set(found(**{name: value})) == expected, (name, value)


def test_two_filters_find_what_both_find(found):
    one_of_each = {name: (name, value) for name, value in reversed(FILTERS) if FILTERS[name, value]}
    assert len(one_of_each) == len({name for name, _ in FILTERS})

    for first, second in itertools.combinations(one_of_each.values(), 2):
        expected = FILTERS[first] & FILTERS[second]
        assert set(found(**dict([first, second]))) == expected, (first, second)


def test_the_window_includes_its_start_and_leaves_its_end(found):
    assert found(since=at(40), until=at(20)) == ["wrong", "make"]
    assert found(since=at(20), until=at(40)) == []


def test_a_window_may_be_written_in_any_zone(found):
    east = (NOW - timedelta(minutes=30) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")

    assert found(until=east) == found(until=at(30))


def test_a_plus_that_a_query_string_lost_is_taken_for_one(found, reader):
    """`+02:00` unescaped in an address arrives as ` 02:00`."""
    east = (NOW - timedelta(minutes=30) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")

    rows = reader.get(f"/v1/logs?until={east}").json()

    assert len(rows) == len(found(until=at(30))) == 2


def test_an_empty_filter_is_no_filter(found):
    for name in {name for name, _ in FILTERS} | {"service_id", "limit", "offset", "cursor"}:
        assert found(**{name: ""}) == list(LOGS)[::-1], name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("service_id", "shop"),
        ("endpoint_id", "7"),
        ("method", "M" * 17),
        ("path", "p" * 2049),
        ("path", "a\0b"),
        ("status_code", "two hundred"),
        ("status_code", "-1"),
        ("status_code", "1000"),
        ("status_code", "9" * 5000),
        ("status_code", "200.5"),
        ("status_class", "6xx"),
        ("status_class", "5XX "),
        ("min_latency_ms", "slow"),
        ("min_latency_ms", "-1"),
        ("min_latency_ms", "nan"),
        ("max_latency_ms", "inf"),
        ("max_latency_ms", "1e400"),
        ("has_error", "maybe"),
        ("tag", "t" * 129),
        ("tag", "\0"),
        ("environment", "e" * 65),
        ("consumer", "c" * 129),
        ("trace_id", "t" * 65),
        ("span_id", "00f067aa"),
        ("span_id", "0" * 16),
        ("since", "yesterday"),
        ("since", "2026-11-21T09:30:00"),
        ("since", "2026-11-21"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("until", "1e3"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "all"),
        ("limit", "1.5"),
        ("offset", "-1"),
        ("offset", "x"),
        ("offset", "9" * 30),
        ("cursor", "next"),
        ("count", "roughly"),
    ],
)
def test_a_bad_value_is_refused_by_name(reader, name, value):
    answer = reader.get("/v1/logs", {name: value})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_a_service_is_one_of_several(service):
    other = a_service(service.organization)
    mine = {str(id_) for id_ in keep_logs(service, a_log(), a_log())}
    keep_logs(other, a_log())
    foreign = a_service()
    keep_logs(foreign, a_log())
    reader = a_client(a_key(organization=service.organization, scopes=["read"])[1])

    def ids(**params):
        return {row["id"] for row in reader.get("/v1/logs", params).json()}

    assert len(ids()) == 3
    assert ids(service_id=service.id) == mine
    assert ids(service_id=foreign.id) == ids(service_id=uuid.uuid4()) == set()


def test_consumers_of_another_organization_of_the_same_name_are_not_mixed_in(service, reader):
    keep_logs(a_service(), a_log(consumer="acme"))
    (mine,) = keep_logs(service, a_log(consumer="acme"))

    assert [row["id"] for row in reader.get("/v1/logs?consumer=acme").json()] == [str(mine)]


def test_an_endpoint_is_found_by_its_id(service, reader):
    keep_logs(service, a_log(path="/a/1"), a_log(path="/b"), a_log(path="/a/2"))
    row = next(row for row in reader.get("/v1/logs").json() if row["path"] == "/a/1")

    rows = reader.get("/v1/logs", {"endpoint_id": row["endpoint_id"]}).json()

    assert {each["path"] for each in rows} == {"/a/1", "/a/2"}
