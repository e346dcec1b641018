"""`q`: the language finds what it says, through the API, and its errors have places."""

import re

import pytest
from django.utils import timezone

from tests.factories import a_client, a_key, a_log, a_service, keep_logs
from tests.search.test_filters import LOGS, NOW, at


@pytest.fixture
def service(db):
    return a_service(name="shop")


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


@pytest.fixture
def found(service, reader):
    """Asks for logs by `q` and gives their names."""
    names = dict(zip(map(str, keep_logs(service, *LOGS.values())), LOGS, strict=True))

    def find(q, **params):
        answer = reader.get("/v1/logs", {"q": told_now(q), **params})
        assert answer.status_code == 200, answer.content
        return {names[row["id"]] for row in answer.json()}

    return find


def told_now(q):
    """The search with `25m` as long before NOW, which the logs' times count from, as it says."""
    later = round((timezone.now() - NOW).total_seconds() / 60)
    return re.sub(r"\b(\d+)m\b", lambda minutes: f"{int(minutes[1]) + later}m", q)


SEARCHES = {
    "": set(LOGS),
    "status:404": {"wrong"},
    "status:5xx": {"failed", "refused"},
    "status:>=500": {"failed", "refused"},
    "status:>200 status:<500": {"make", "wrong"},
    "status:201..404": {"make", "wrong"},
    "status:none": {"lost"},
    "status:404 status:5xx": {"wrong", "failed", "refused"},
    "-status:5xx": {"list", "make", "wrong", "lost"},
    "-status:none": set(LOGS) - {"lost"},
    "method:get": {"list", "lost"},
    "method:GET method:PUT": {"list", "lost", "failed"},
    "-method:GET -method:PUT": {"make", "wrong", "refused"},
    "path:/orders": {"list", "make", "wrong"},
    "path:/orders*": {"list", "make", "wrong"},
    "path:/orders/*": {"wrong"},
    "path:*_a": {"wrong"},
    "path:orders*": set(),
    'path:"/100%"': {"refused"},
    "orders 17": {"wrong"},
    "orders -17": {"list", "make"},
    "latency:>20.5": {"wrong", "failed", "lost"},
    "latency:20..0.03s": {"make", "wrong"},
    "latency:>10 latency:<40": {"make", "wrong"},
    "-latency:>20": {"list", "refused"},
    "consumer:acme": {"list", "wrong"},
    "consumer:acme consumer:globex": {"list", "wrong", "make"},
    "-consumer:acme": {"make", "failed", "refused", "lost"},
    "consumer:nobody": set(),
    "-consumer:nobody": set(LOGS),
    "tag:eu": {"list", "make"},
    "tag:eu tag:web": {"list"},
    "-tag:eu": {"wrong", "failed", "refused", "lost"},
    "env:prod -tag:web": {"make", "failed"},
    "env:prod env:dev": {"list", "make", "wrong", "failed", "lost"},
    "trace:t1": {"list"},
    "span:00f067aa0ba902b7": {"list"},
    "span:00f067aa0ba902b7 span:fff067aa0ba902b7": {"list", "make"},
    "-span:00f067aa0ba902b7": set(LOGS) - {"list"},
    "error:true": {"failed", "lost"},
    "-error:true": {"list", "make", "wrong", "refused"},
    "service:shop method:put": {"failed"},
    "service:other": set(),
    "-service:other status:200": {"list"},
    "endpoint:/orders": {"list", "make"},
    'endpoint:"POST /orders"': {"make"},
    '-route:"POST /orders" -route:/orders/{id}': {"list", "wrong", "failed", "refused", "lost"},
    "since:25m": {"failed", "refused", "lost"},
    "since:45m until:15m": {"make", "wrong", "failed"},
    f"since:{at(30)} until:{at(20)}": {"wrong"},
}


def test_quoted_text_is_looked_for_in_errors_and_bodies(service, reader):
    texts = {
        "short error": a_log(error="Card DECLINED by bank", path="/a"),
        "long error": a_log(error="x" * 3000 + " card declined", path="/b"),
        "request": a_log(request_body='{"note": "card declined"}', path="/c"),
        "response": a_log(response_body='say "no", card declined\nTschüß', path="/d"),
        "header": a_log(request_headers={"X-Why": "card declined"}, path="/e"),
        "none": a_log(path="/card declined"),
    }
    names = dict(zip(map(str, keep_logs(service, *texts.values())), texts, strict=True))

    def find(q):
        answer = reader.get("/v1/logs", {"q": q})
        assert answer["X-Search-Complete"] == "true"
        return {names[row["id"]] for row in answer.json()}

    assert find('"card declined"') == {"short error", "long error", "request", "response"}
    assert find('"CARD declined" error:true') == {"short error", "long error"}
    assert find('"card declined" -"by bank" -path:/b') == {"request", "response"}
    assert find(r'"say \"no\"" "TSCHÜSS"') == {"response"}
    assert find('-"card declined"') == {"header", "none"}


def test_each_search_finds_its_logs(found):
    for q, expected in SEARCHES.items():
        assert found(q) == expected, q


def test_a_search_and_parameters_narrow_each_other(found):
    assert found("method:GET", has_error="true") == {"lost"}
    assert found("method:GET", method="PUT") == set()
    assert found("since:25m", until=at(10)) == {"failed"}
    assert found("since:25m", since=at(50)) == {"failed", "refused", "lost"}


def test_a_bad_search_is_refused_with_the_place_of_its_token(reader):
    for address in ("/v1/logs", "/v1/metrics"):
        answer = reader.get(address, {"q": "method:GET statsu:404"})

        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["field"] == "q"
        assert error["code"] == "bad_query"
        assert (error["start"], error["end"], error["suggestion"]) == (11, 17, "status")
        assert "statsu" in error["message"]


@pytest.mark.parametrize("q", ["x" * 2001, "a\x00b", "tag:", '"', "-"])
def test_what_is_no_search_is_refused_by_name(reader, q):
    answer = reader.get("/v1/logs", {"q": q})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["q"]


def test_metrics_measure_what_a_search_leaves(service, reader, found):
    found("")

    measured = reader.get("/v1/metrics", {"q": "-status:none -env:dev latency:<1000"}).json()

    assert measured["total_requests"] == 3
    assert measured["by_status"] == {"200": 1, "201": 1, "500": 1}


def test_quoted_text_is_not_measured_in_silence(reader):
    answer = reader.get("/v1/metrics", {"q": 'method:GET "card declined"'})

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["start"], error["end"]) == ("q", 11, 26)


def test_consumers_and_services_of_others_stay_theirs(service, reader):
    foreign = a_service(name="shop")
    keep_logs(foreign, a_log(consumer="acme"))
    (mine,) = keep_logs(service, a_log(consumer="acme"))

    for q in ("consumer:acme", "service:shop", "endpoint:/orders", "-env:x"):
        assert [row["id"] for row in reader.get("/v1/logs", {"q": q}).json()] == [str(mine)], q
