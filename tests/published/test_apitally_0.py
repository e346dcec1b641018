"""Apitally's client 0.x as it is on the package index, in real applications."""

from collections import Counter

import httpx
import pytest

from monitor.models import Consumer, Endpoint, ErrorCount, Instance, LogPayload, RequestLog
from monitor.models.keys import KeyKind
from tests.factories import a_key, a_service
from tests.published.environments import node_modules_with, python_with
from tests.published.reading import by, counted, measured
from tests.published.running import CALLS, COUNTED, call_all, gunicorn, node, running_app, uvicorn, wait_until
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def python():
    return python_with("apitally0")


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def client_id(service):
    return a_key(service, kind=KeyKind.CLIENT_ID)[1]


FRAMEWORKS = [
    ("fastapi_0", uvicorn, "/items/{item_id}", "python:starlette"),
    ("flask_0", gunicorn, "/items/<int:item_id>", "python:flask"),
    ("django_0", gunicorn, "/items/{item_id}", "python:django"),
]


@pytest.mark.parametrize(("app", "server", "route", "client"), FRAMEWORKS, ids=["FastAPI", "Flask", "Django"])
def test_the_documented_example_shows_its_traffic(
    web_server, python, service, client_id, app, server, route, client
):
    with running_app(server(python, app), CLIENT_ID=client_id, APITALLY_HUB_BASE_URL=web_server) as address:
        answers = call_all(address)
        wait_until(lambda: Instance.objects.exclude(started_at=None).exists())

    assert answers == COUNTED
    assert counted(service) == answers
    assert by(service, "consumer") == {"Alice": 7, "Bob": 4, "": 1}
    assert by(service, "endpoint") == {f"GET {route}": 9, "POST /items": 2, "GET /boom": 1}
    told = measured(service)
    assert (told["source"], told["error_count"]) == ("client", 1)
    assert told["avg_latency_ms"] > 0
    assert set(Consumer.objects.values_list("identifier", "name", "group")) == {
        ("alice", "Alice", "Testers"),
        ("bob", "Bob", "Testers"),
    }
    assert Endpoint.objects.filter(route="/never").exclude(declared_at=None).exists()
    instance = Instance.objects.get(service=service)
    assert instance.client == client
    assert instance.versions["apitally"] == "0.25.1"
    crash = ErrorCount.objects.get(kind="server")
    assert (crash.type, crash.message, crash.count) == ("ValueError", "boom happened", 1)
    assert crash.consumer.identifier == "bob"
    assert not RequestLog.objects.exists()


def test_requests_that_are_logged_as_well_are_not_counted_twice(web_server, python, service, client_id):
    with running_app(
        uvicorn(python, "fastapi_0"),
        CLIENT_ID=client_id,
        APITALLY_HUB_BASE_URL=web_server,
        REQUEST_LOGS="yes",
    ) as address:
        call_all(address)
        # The client writes its file once a second, and loses what is younger when it ends.
        assert wait_until(lambda: RequestLog.objects.count() == len(CALLS), within_s=30)

    logs = list(RequestLog.objects.with_names().filter(service=service))
    assert Counter((log.method, log.status_code) for log in logs) == COUNTED
    assert counted(service) == COUNTED
    assert Counter(log.consumer_identifier for log in logs) == {"alice": 7, "bob": 4, "": 1}
    posted = [LogPayload.objects.contents_of(log.id) for log in logs if log.method == "POST"]
    assert len(posted) == 2
    assert all("pen" in each["request_body"] and "hunter2" not in str(each) for each in posted)
    (failed,) = [log for log in logs if log.status_code == 500]
    assert failed.error.startswith("ValueError: boom happened")


def test_express_shows_its_traffic_and_its_requests(web_server, service, client_id):
    with running_app(
        node(node_modules_with("express"), "express_0.js"),
        CLIENT_ID=client_id,
        APITALLY_HUB_BASE_URL=web_server,
        REQUEST_LOGS="yes",
    ) as address:
        answers = call_all(address)
        assert wait_until(lambda: RequestLog.objects.count() == len(CALLS), within_s=40)
        assert wait_until(lambda: measured(service)["total_requests"] == len(CALLS), within_s=40)

    assert answers == COUNTED
    assert counted(service) == COUNTED
    assert by(service, "consumer") == {"Alice": 7, "Bob": 4, "": 1}
    assert by(service, "endpoint") == {"GET /items/:id": 9, "POST /items": 2, "GET /boom": 1}
    logs = list(RequestLog.objects.with_names().filter(service=service))
    assert Counter((log.method, log.status_code) for log in logs) == COUNTED
    (failed,) = [log for log in logs if log.status_code == 500]
    assert failed.error.startswith("TypeError: boom happened")
    posted = [LogPayload.objects.contents_of(log.id) for log in logs if log.method == "POST"]
    assert all("pen" in each["request_body"] and "hunter2" not in str(each) for each in posted)
    assert Endpoint.objects.filter(route="/never").exclude(declared_at=None).exists()
    assert Instance.objects.get(service=service).client == "js:express"


def test_a_validation_error_is_told_with_its_field(web_server, python, service, client_id):
    with running_app(
        uvicorn(python, "fastapi_0"), CLIENT_ID=client_id, APITALLY_HUB_BASE_URL=web_server
    ) as address:
        wait_for_answer(address)
        httpx.post(f"{address}/items", json={"name": 7, "password": "x"}, headers={"X-Consumer": "alice"})

    invalid = ErrorCount.objects.get(kind="validation")
    assert (invalid.endpoint.route, invalid.field, invalid.type) == ("/items", "body.name", "string_type")
    assert (invalid.count, invalid.consumer.identifier) == (1, "alice")


def wait_for_answer(address):
    assert httpx.get(f"{address}/items/1", timeout=60).status_code == 200


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(python, service, client_id):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        with running_app(
            uvicorn(python, "fastapi_0"),
            CLIENT_ID=client_id,
            APITALLY_HUB_BASE_URL=first.address,
            REQUEST_LOGS="yes",
        ) as address:
            call_all(address)
            wait_until(lambda: Instance.objects.exists())
            first.kill()
            call_all(address)
            # Past the client's next sync, which finds nobody.
            wait_until(lambda: False, within_s=13)
            with running_web_server(port=port):
                assert wait_until(lambda: RequestLog.objects.count() == 2 * len(CALLS))
                assert wait_until(lambda: measured(service)["total_requests"] == 2 * len(CALLS))

    assert counted(service) == COUNTED + COUNTED
    assert Instance.objects.get().started_at is not None
