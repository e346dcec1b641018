"""Apitally's client 1.x as it is on the package index, in real applications."""

from collections import Counter

import httpx
import pytest

from monitor.models import Consumer, Endpoint, ErrorCount, Instance, LogPayload, RequestLog
from monitor.models.keys import KeyKind
from tests.broken_line import a_broken_line
from tests.factories import a_key, a_service
from tests.published.environments import python_with
from tests.published.reading import by, counted, measured
from tests.published.running import CALLS, COUNTED, call_all, gunicorn, running_app, uvicorn, wait_until
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def python():
    return python_with("apitally1")


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def token(service):
    return a_key(service, kind=KeyKind.WRITE_TOKEN)[1]


FRAMEWORKS = [
    ("fastapi_1", uvicorn, "/items/{item_id}", "apitally-py:fastapi"),
    ("flask_1", gunicorn, "/items/<int:item_id>", "apitally-py:flask"),
    ("django_1", gunicorn, "/items/{item_id}", "apitally-py:django"),
]


@pytest.mark.parametrize(("app", "server", "route", "client"), FRAMEWORKS, ids=["FastAPI", "Flask", "Django"])
def test_requests_are_kept_and_counted_once_even_when_an_answer_gets_lost(
    web_server, python, service, token, app, server, route, client
):
    with (
        a_broken_line(web_server) as (endpoint, passed),
        running_app(
            server(python, app), APITALLY_WRITE_TOKEN=token, APITALLY_OTLP_ENDPOINT=endpoint
        ) as address,
    ):
        answers = call_all(address)
        # Startup is told before requests, and its answer is the one that gets lost.
        wait_until(lambda: Instance.objects.exclude(started_at=None).exists(), within_s=40)

    assert answers == COUNTED
    assert set(passed) == {200}
    logs = list(RequestLog.objects.with_names().filter(service=service))
    assert Counter((log.method, log.status_code) for log in logs) == COUNTED
    assert counted(service) == COUNTED
    assert by(service, "consumer") == {"Alice": 7, "Bob": 4, "": 1}
    assert by(service, "endpoint") == {f"GET {route}": 9, "POST /items": 2, "GET /boom": 1}
    told = measured(service)
    assert (told["source"], told["error_count"]) == ("client", 1)
    assert told["avg_latency_ms"] > 0
    assert Counter(log.consumer_identifier for log in logs) == {"alice": 7, "bob": 4, "": 1}
    assert set(Consumer.objects.values_list("identifier", "name", "group")) == {
        ("alice", "Alice", "Testers"),
        ("bob", "Bob", "Testers"),
    }
    posted = [LogPayload.objects.contents_of(log.id) for log in logs if log.method == "POST"]
    assert all("pen" in each["request_body"] and "hunter2" not in str(each) for each in posted)
    (failed,) = [log for log in logs if log.status_code == 500]
    assert failed.error.startswith("ValueError: boom happened")
    crash = ErrorCount.objects.get(kind="server")
    assert (crash.type, crash.message, crash.count) == ("ValueError", "boom happened", 1)
    assert crash.consumer.identifier == "bob"


@pytest.mark.parametrize(("app", "server", "route", "client"), FRAMEWORKS, ids=["FastAPI", "Flask", "Django"])
def test_a_process_tells_what_it_is_and_what_it_uses(
    web_server, python, service, token, app, server, route, client
):
    with running_app(
        server(python, app), APITALLY_WRITE_TOKEN=token, APITALLY_OTLP_ENDPOINT=web_server
    ) as address:
        httpx.get(f"{address}/items/1", timeout=60)
        assert wait_until(lambda: Instance.objects.exclude(memory_bytes=None, started_at=None).exists())

    instance = Instance.objects.get(service=service)
    assert (instance.client, instance.environment) == (client, "dev")
    assert instance.versions["apitally"] == "1.0.0"
    assert instance.memory_bytes > 10_000_000
    assert Endpoint.objects.filter(route="/never").exclude(declared_at=None).exists()


def test_a_validation_error_is_told_with_its_field(web_server, python, service, token):
    with running_app(
        uvicorn(python, "fastapi_1"), APITALLY_WRITE_TOKEN=token, APITALLY_OTLP_ENDPOINT=web_server
    ) as address:
        wrong = {"name": 7, "password": "x"}
        httpx.post(f"{address}/items", json=wrong, headers={"X-Consumer": "alice"}, timeout=60)

    invalid = ErrorCount.objects.get(kind="validation")
    assert (invalid.endpoint.route, invalid.field, invalid.type) == ("/items", "body.name", "string_type")
    assert (invalid.count, invalid.consumer.identifier) == (1, "alice")


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(python, service, token):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        with running_app(
            uvicorn(python, "fastapi_1"), APITALLY_WRITE_TOKEN=token, APITALLY_OTLP_ENDPOINT=first.address
        ) as address:
            call_all(address)
            assert wait_until(Instance.objects.exists)
            first.kill()
            call_all(address)
            # Past the client's next export, which finds nobody.
            wait_until(lambda: False, within_s=20)
            with running_web_server(port=port):
                assert wait_until(lambda: RequestLog.objects.count() == 2 * len(CALLS))
                assert wait_until(lambda: measured(service)["total_requests"] == 2 * len(CALLS))

    assert counted(service) == COUNTED + COUNTED
