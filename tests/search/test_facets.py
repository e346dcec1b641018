"""Facets: whatever is asked, the counts are those of counting the logs by hand, or say how far they came."""

from collections import Counter
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.ingest.naming import forget_names
from monitor.metrics.compact import compact
from monitor.models import StorageEvent
from monitor.models.storage import StorageEventKind
from monitor.search.facets import counting, sample
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    rfc3339,
)

NOW = datetime.now().astimezone().replace(microsecond=0)


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture
def services(organization):
    return [a_service(organization, name=name) for name in ("shop", "mail box")]


@pytest.fixture
def reader(organization):
    return a_client(user=a_user(organization))


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A busy machine changes how far a count comes, and what it comes to is the matter here."""
    for place in (
        "finding.TIME",
        "finding.TIME_FOR_TEXT",
        "facets.sample.TIME",
        "facets.sample.TIME_FOR_TEXT",
    ):
        monkeypatch.setattr(f"monitor.search.{place}", timedelta(minutes=1))
    monkeypatch.setattr(counting, "LIMIT", timedelta(minutes=1))


def ago(**length):
    return rfc3339(NOW - timedelta(**length))


def facets(client, query=""):
    answer = client.get(f"/v1/logs/facets?limit=500{query}")
    assert answer.status_code == 200, answer.json()
    return {facet["field"]: facet for facet in answer.json()["facets"]}


def counts(facet):
    return {value["value"]: value["count"] for value in facet["values"]}


def all_rows(client, query):
    answer = client.get(f"/v1/logs?limit=500{query}")
    assert answer.status_code == 200, answer.json()
    assert "Link" not in answer
    return answer.json()


def by_hand(rows, names):
    """What the facets of these rows must be: for each field its values, and how many rows lack one."""
    found = {
        "service": Counter(names[row["service_id"]] for row in rows),
        "method": Counter(row["method"] for row in rows),
        "status": Counter(class_by_hand(row["status_code"]) for row in rows),
        "endpoint": Counter(f"{row['method']} {row['route']}" for row in rows),
        "consumer": Counter(row["consumer"] for row in rows),
        "env": Counter(row["environment"] for row in rows),
        "tag": Counter(tag for row in rows for tag in set(row["tags"])),
    }
    missing = {field: tally.pop("", 0) for field, tally in found.items()}
    missing["tag"] = sum(not row["tags"] for row in rows)
    return found, missing


def class_by_hand(code):
    if code is None:
        return "none"
    return f"{code // 100}xx" if 100 <= code <= 599 else "other"


some_logs = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.integers(0, 5 * 86_400_000).map(
                lambda ms: rfc3339(NOW - timedelta(milliseconds=ms))
            ),
            "method": st.sampled_from(["GET", "POST", "M-SEARCH"]),
            "status_code": st.sampled_from([200, 204, 404, 500, 0, 999, None]),
            "environment": st.sampled_from(["", "eu", "a b"]),
            "route": st.sampled_from(["/a", "/b/{id}"]),
            "consumer": st.sampled_from([None, "acme", 'ze "n"']),
            "tags": st.sampled_from([[], ["x"], ["x", "y z"], ["x", "x"]]),
            "latency_ms": st.sampled_from([None, 5.0, 700.0]),
        }
    ),
    min_size=1,
    max_size=12,
)
TERMS = (
    "status:5xx",
    "-status:2xx",
    "status:>=400",
    "status:<500",
    "status:none",
    "-status:none",
    "status:404",
    "status:0..200",
    "method:get",
    "-method:M-SEARCH",
    "env:eu",
    '-env:"a b"',
    "service:shop",
    '-service:"mail box"',
    "service:nobody",
    "consumer:acme",
    "-consumer:acme",
    "consumer:nobody",
    "endpoint:/a",
    'endpoint:"GET /a"',
    '-endpoint:"M-SEARCH /a"',
    "tag:x",
    '-tag:"y z"',
    "latency:>100",
    "path:orders",
    "since:3d",
    "until:30m",
)
PARAMETERS = ("method=POST", "status_class=4xx", "status_code=500", "environment=eu", "mode=live", "tag=x")


@settings(
    max_examples=60,
    deadline=None,
    # To shrink takes minutes, and says little more.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(some_logs, min_size=1, max_size=3),
    terms=st.lists(st.sampled_from(TERMS), max_size=3),
    parameters=st.sets(st.sampled_from(PARAMETERS), max_size=1),
)
def test_the_counts_are_those_of_counting_by_hand(reader, services, batches, terms, parameters):
    # What the example before has named was rolled back.
    forget_names()
    with transaction.atomic():
        for index, batch in enumerate(batches):
            keep_logs(
                services[index % 2], *(a_log(**log) for log in batch), mode="test" if index == 2 else "live"
            )
            if index != 1:
                compact(now=NOW)
        query = "".join(f"&{each}" for each in [*parameters, *(["q=" + quoted(terms)] if terms else [])])
        rows = all_rows(reader, query)
        expected, missing = by_hand(rows, {str(service.id): service.name for service in services})

        found = facets(reader, query)

        assert {field: counts(facet) for field, facet in found.items()} == expected
        assert {field: facet["missing"] for field, facet in found.items()} == missing
        assert {(facet["is_complete"], facet["logs"]) for facet in found.values()} == {(True, len(rows))}
        transaction.set_rollback(True)


def quoted(terms):
    return quote(" ".join(terms))


def test_each_value_says_how_to_search_for_it_alone_and_for_all_else(reader, services):
    keep_logs(services[0], a_log(consumer='a "b"', environment="eu 1", tags=["x"], status_code=999))
    keep_logs(services[1], a_log(consumer="c", status_code=None, method="POST", route="/b", path="/b"))
    keep_logs(services[1], a_log(status_code=503))

    for facet in facets(reader).values():
        for value in facet["values"]:
            assert len(all_rows(reader, f"&q={quoted([value['only']])}")) == value["count"], value
            assert len(all_rows(reader, f"&q={quoted([value['without']])}")) == 3 - value["count"], value


def test_the_most_frequent_values_come_first_and_the_others_are_counted(reader, services):
    logs = [a_log(consumer=name) for name in ("a", "b", "b", "c", "c", "c")]
    keep_logs(services[0], *logs)

    answer = reader.get("/v1/logs/facets?fields=consumer&limit=2").json()

    (facet,) = answer["facets"]
    assert [(value["value"], value["count"]) for value in facet["values"]] == [("c", 3), ("b", 2)]
    assert facet["more_values"] == 1


def test_another_organizations_logs_are_not_counted(reader, services):
    foreign = a_service(name="theirs")
    keep_logs(foreign, a_log(consumer="their-consumer", tags=["their-tag"], environment="their-env"))
    keep_logs(services[0], a_log())

    answer = reader.get("/v1/logs/facets")

    assert "their" not in answer.content.decode()
    assert {facet["logs"] for facet in answer.json()["facets"]} == {1}
    empty = reader.get(f"/v1/logs/facets?service_id={foreign.id}").json()
    assert all(facet["values"] == [] for facet in empty["facets"])


def test_a_key_of_one_service_counts_that_service_alone(services):
    keep_logs(services[0], a_log())
    keep_logs(services[1], a_log())
    _, raw = a_key(services[0], scopes=["read"])

    found = facets(a_client(raw))

    assert counts(found["service"]) == {"shop": 1}


def test_quoted_text_counts_what_holds_it(reader, services):
    keep_logs(
        services[0],
        a_log(response_body="card declined", consumer="acme"),
        a_log(response_body="fine", consumer="zen"),
    )

    found = facets(reader, "&q=%22card declined%22")

    assert counts(found["consumer"]) == {"acme": 1}
    assert found["consumer"]["is_complete"]


def test_a_search_that_is_too_large_says_how_many_of_the_newest_were_counted(reader, services, monkeypatch):
    monkeypatch.setattr(sample, "MAX_LOGS", 2)
    keep_logs(
        services[0],
        a_log(timestamp=ago(minutes=3), tags=["old"]),
        a_log(timestamp=ago(minutes=2), tags=["new"]),
        a_log(timestamp=ago(minutes=1), tags=["new"]),
    )

    found = facets(reader)

    assert counts(found["tag"]) == {"new": 2}
    assert (found["tag"]["is_complete"], found["tag"]["logs"]) == (False, 2)
    assert datetime.fromisoformat(found["tag"]["reached"]) == NOW - timedelta(minutes=2)
    # What rollups tell is complete all the same.
    assert (found["method"]["is_complete"], found["method"]["logs"]) == (True, 3)


def test_a_count_whose_time_is_over_says_how_far_it_came(reader, services, monkeypatch):
    monkeypatch.setattr(sample, "TIME", timedelta(microseconds=1))
    monkeypatch.setattr("monitor.search.walk.SMALLEST_SLICE", 1)
    keep_logs(services[0], *(a_log(timestamp=ago(minutes=minutes), tags=["x"]) for minutes in (3, 2, 1)))

    found = facets(reader)["tag"]

    assert not found["is_complete"]
    assert found["logs"] == sum(value["count"] for value in found["values"]) < 3
    assert datetime.fromisoformat(found["reached"]) > NOW - timedelta(minutes=3)


def test_logs_that_were_let_go_are_not_counted_although_rollups_remember_them(reader, services):
    _, gone = keep_logs(services[0], a_log(timestamp=ago(hours=1)), a_log(timestamp=ago(days=3)))
    compact(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM request_log WHERE id = %s", [gone])
    day = (NOW - timedelta(days=3)).astimezone(tz=None)
    StorageEvent.objects.create(
        kind=StorageEventKind.TRIMMED, day=day.date(), message="Removed 1 log.", happened_at=NOW
    )

    assert counts(facets(reader)["method"]) == {"GET": 1}


def test_where_the_edges_of_a_window_hold_too_much_the_logs_are_counted(reader, services, monkeypatch):
    monkeypatch.setattr(counting, "MAX_EDGE_LOGS", -1)
    keep_logs(services[0], a_log(), a_log(method="POST"))

    assert counts(facets(reader)["method"]) == {"GET": 1, "POST": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [("fields=colour", "fields"), ("limit=0", "limit"), ("limit=501", "limit"), ("q=statsu:5xx", "q")],
)
def test_what_cannot_be_counted_is_refused_by_name(reader, query, field):
    answer = reader.get(f"/v1/logs/facets?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_query_budget(reader, services, django_assert_max_num_queries):
    keep_logs(services[0], *(a_log(consumer=f"c{n}", route=f"/{n}", tags=[f"t{n}"]) for n in range(20)))

    # 3 who asks, 1 services, 1 what was let go, 3 guesses, 4 rollups with their limit, 4 tags with theirs,
    # 2 names, and 6 to spare for days that midnight cuts.
    with django_assert_max_num_queries(24):
        facets(reader)
