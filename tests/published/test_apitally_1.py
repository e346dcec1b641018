"""Apitally's client 1.x as it is on the package index, in real applications."""

import json
from functools import partial

import httpx
import pytest

from monitor.models.keys import KeyKind
from tests.published.environments import python_with
from tests.published.running import (
    CALLS,
    CONSUMERS,
    COUNTED,
    call_all,
    consumers_of,
    gunicorn,
    secrets_in,
    uvicorn,
    wait_until,
)
from tests.published.together import NAMED, Framework, all_running
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def frameworks() -> dict[str, Framework]:
    python = python_with("apitally1")
    return {
        "FastAPI": Framework(
            command=uvicorn(python, "fastapi_1"), client="apitally-py:fastapi", route="/items/{item_id}"
        ),
        "Flask": Framework(
            command=gunicorn(python, "flask_1"), client="apitally-py:flask", route="/items/<int:item_id>"
        ),
        "Django": Framework(
            command=gunicorn(python, "django_1"), client="apitally-py:django", route="/items/{item_id}"
        ),
    }


def settings(address: str, token: str) -> dict[str, str]:
    return {"APITALLY_WRITE_TOKEN": token, "APITALLY_OTLP_ENDPOINT": address}


running_1 = partial(all_running, kind=KeyKind.WRITE_TOKEN, settings=settings)


def test_requests_are_kept_and_counted_once_when_each_kind_of_answer_gets_lost_once(web_server, frameworks):
    with running_1(frameworks, web_server, broken=True) as running:
        answers = {name: call_all(app.address) for name, app in running.items()}
        for app in running.values():
            wait_until(app.api.has_started)
        # What is left is sent at the end, and told again there where its answer gets lost.

    for name, app in running.items():
        assert app.line.statuses == {200}
        assert all(app.line.times()[kind] >= 2 for kind in ("traces", "metrics", "logs")), name
        assert answers[name] == app.api.counted() == app.api.logged() == COUNTED, name
        assert app.api.endpoints() == app.framework.endpoints
        assert app.api.by("consumer") == {"Alice": 7, "Bob": 4, "": 1}
        assert app.api.consumers() == NAMED
        told = app.api.metrics()
        assert (told["source"], told["error_count"]) == ("client", 1)
        assert told["avg_latency_ms"] > 0
        assert consumers_of(app.api.logs()) == CONSUMERS
        details = app.api.details()
        assert secrets_in(details) == set(), name
        for each in details:
            headers = {header.lower(): value for header, value in each["request_headers"].items()}
            assert headers["authorization"] == "***MASKED***"
            if each["method"] == "POST":
                bodies = [json.loads(each[side]) for side in ("request_body", "response_body")]
                assert {body["name"] for body in bodies} == {"pen"}
                assert {body["password"] for body in bodies} == {"***MASKED***"}
        (failed,) = [each for each in details if each["status_code"] == 500]
        assert failed["error"].startswith("ValueError: boom happened")
        (crash,) = app.api.reported_errors("GET", "/boom")
        assert (crash["type"], crash["message"]) == ("ValueError", "boom happened")
        assert (crash["kind"], crash["count"], crash["consumers"]) == ("server", 1, 1)


def test_a_process_tells_what_it_is_and_what_it_uses(web_server, frameworks):
    with running_1(frameworks, web_server) as running:
        for app in running.values():
            httpx.get(f"{app.address}/items/1", timeout=60)
        for app in running.values():
            wait_until(lambda app=app: any(each["memory_bytes"] for each in app.api.instances()))
            assert wait_until(app.api.has_started)

    for app in running.values():
        (instance,) = app.api.instances()
        assert (instance["client"], instance["environment"]) == (app.framework.client, "dev")
        assert (instance["versions"]["apitally"], instance["is_silent"]) == ("1.0.0", False)
        assert instance["memory_bytes"] > 10_000_000


def test_a_validation_error_is_told_with_its_field(web_server, frameworks):
    with running_1({"FastAPI": frameworks["FastAPI"]}, web_server) as running:
        app = running["FastAPI"]
        wrong = {"name": 7, "password": "x"}
        httpx.post(f"{app.address}/items", json=wrong, headers={"X-Consumer": "alice"}, timeout=60)

    (invalid,) = app.api.reported_errors("POST", "/items")
    assert (invalid["kind"], invalid["field"], invalid["type"]) == ("validation", "body.name", "string_type")
    assert (invalid["count"], invalid["consumers"]) == (1, 1)


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(frameworks):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        with running_1(frameworks, first.address) as running:
            for app in running.values():
                call_all(app.address)
            assert all(wait_until(app.api.instances) for app in running.values())
            first.kill()
            for app in running.values():
                call_all(app.address)
            # Past the clients' next export, which finds nobody.
            wait_until(lambda: False, within_s=20)
            with running_web_server(port=port):
                for name, app in running.items():
                    assert wait_until(lambda app=app: len(app.api.logs()) >= 2 * len(CALLS)), name
                    assert wait_until(lambda app=app: app.api.total() >= 2 * len(CALLS)), name
                for name, app in running.items():
                    assert app.api.counted() == app.api.logged() == COUNTED + COUNTED, name
