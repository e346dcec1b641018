"""Apitally's client 0.x as it is on the package indexes, in real applications."""

import json
from functools import partial

import httpx
import pytest

from monitor.models.keys import KeyKind
from tests.published.environments import node_modules_with, python_with
from tests.published.running import (
    CALLS,
    CONSUMERS,
    COUNTED,
    call_all,
    consumers_of,
    gunicorn,
    node,
    secrets_in,
    uvicorn,
    wait_until,
)
from tests.published.together import NAMED, Framework, all_running
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def frameworks() -> dict[str, Framework]:
    python = python_with("apitally0")
    return {
        "FastAPI": Framework(
            command=uvicorn(python, "fastapi_0"), client="python:starlette", route="/items/{item_id}"
        ),
        "Flask": Framework(
            command=gunicorn(python, "flask_0"),
            client="python:flask",
            route="/items/<int:item_id>",
            bodies=("request_body",),
        ),
        "Django": Framework(
            command=gunicorn(python, "django_0"), client="python:django", route="/items/{item_id}"
        ),
        "Express": Framework(
            command=node(node_modules_with("express"), "express_0.js"),
            client="js:express",
            route="/items/:id",
            error="TypeError",
        ),
    }


def counting(address: str, client_id: str) -> dict[str, str]:
    return {"CLIENT_ID": client_id, "APITALLY_HUB_BASE_URL": address}


def logging(address: str, client_id: str) -> dict[str, str]:
    return {**counting(address, client_id), "REQUEST_LOGS": "yes"}


running_0 = partial(all_running, kind=KeyKind.CLIENT_ID)


def test_the_documented_example_shows_its_traffic(web_server, frameworks):
    with running_0(frameworks, web_server, settings=counting) as running:
        answers = {name: call_all(app.address) for name, app in running.items()}
        for app in running.values():
            wait_until(lambda app=app: app.api.total() >= len(CALLS))
            wait_until(app.api.has_started)

    for name, app in running.items():
        assert answers[name] == app.api.counted() == COUNTED, name
        assert app.api.endpoints() == app.framework.endpoints
        assert app.api.by("consumer") == {"Alice": 7, "Bob": 4, "": 1}
        assert app.api.consumers() == NAMED
        told = app.api.metrics()
        assert (told["source"], told["error_count"]) == ("client", 1)
        assert told["avg_latency_ms"] > 0
        (instance,) = app.api.instances()
        assert (instance["client"], instance["is_silent"]) == (app.framework.client, False)
        assert instance["versions"]["apitally"].startswith("0.25.")
        assert instance["memory_bytes"] is None or instance["memory_bytes"] > 1_000_000
        (crash,) = app.api.reported_errors("GET", "/boom")
        assert (crash["type"], crash["message"]) == (app.framework.error, "boom happened")
        assert (crash["kind"], crash["count"], crash["consumers"]) == ("server", 1, 1)
        assert app.api.logs() == []


def test_nothing_is_doubled_when_each_kind_of_answer_gets_lost_once(web_server, frameworks):
    with running_0(frameworks, web_server, settings=logging, broken=True) as running:
        answers = {name: call_all(app.address) for name, app in running.items()}
        for app in running.values():
            # Each was told again what the monitor had kept.
            wait_until(
                lambda app=app: all(app.line.times()[call] >= 2 for call in ("startup", "sync", "log"))
            )
            wait_until(lambda app=app: len(app.api.logs()) >= len(CALLS) and app.api.total() >= len(CALLS))

    for name, app in running.items():
        assert app.line.statuses == {202}
        assert all(app.line.times()[call] >= 2 for call in ("startup", "sync", "log")), name
        assert answers[name] == app.api.counted() == app.api.logged() == COUNTED, name
        logs = app.api.logs()
        assert consumers_of(logs) == CONSUMERS
        assert {log["route"] for log in logs if log["path"].startswith("/items/")} == {app.framework.route}
        assert app.api.consumers() == NAMED
        (failed,) = [log for log in logs if log["status_code"] == 500]
        assert failed["error"].startswith(f"{app.framework.error}: boom happened")
        (crash,) = app.api.reported_errors("GET", "/boom")
        assert crash["count"] == 1
        details = app.api.details()
        assert secrets_in(details) == set(), name
        posted = [each for each in details if each["method"] == "POST"]
        for each in posted:
            bodies = [json.loads(each[side]) for side in app.framework.bodies]
            assert {body["name"] for body in bodies} == {"pen"}
            assert all(body["password"] for body in bodies)


def test_a_validation_error_is_told_with_its_field(web_server, frameworks):
    with running_0({"FastAPI": frameworks["FastAPI"]}, web_server, settings=counting) as running:
        app = running["FastAPI"]
        wrong = {"name": 7, "password": "x"}
        httpx.post(f"{app.address}/items", json=wrong, headers={"X-Consumer": "alice"}, timeout=60)

    (invalid,) = app.api.reported_errors("POST", "/items")
    assert (invalid["kind"], invalid["field"], invalid["type"]) == ("validation", "body.name", "string_type")
    assert (invalid["count"], invalid["consumers"]) == (1, 1)


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(frameworks):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        with running_0(frameworks, first.address, settings=logging) as running:
            for app in running.values():
                call_all(app.address)
            assert all(wait_until(app.api.instances) for app in running.values())
            first.kill()
            for app in running.values():
                call_all(app.address)
            # Past the clients' next sync, which finds nobody.
            wait_until(lambda: False, within_s=13)
            with running_web_server(port=port):
                for name, app in running.items():
                    assert wait_until(lambda app=app: len(app.api.logs()) >= 2 * len(CALLS)), name
                    assert wait_until(lambda app=app: app.api.total() >= 2 * len(CALLS)), name
                for name, app in running.items():
                    assert app.api.counted() == app.api.logged() == COUNTED + COUNTED, name
                    assert wait_until(app.api.has_started), name
