"""Real applications with the Python client in them send to a running monitor, and it is read back by API."""

import json
import os
import re
import signal
import time
from collections import Counter
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from bench.processes import family
from tests.broken_line import a_broken_line
from tests.clients.running import APPS, CALLER, WAIT_SECONDS, running_app, until
from tests.factories import a_key, a_service
from tests.reading import Api
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"items": [1, 2], "password": "hunter2", "card": {"card_number": "4111111111111111"}}


@pytest.fixture
def key():
    return a_key(a_service(), scopes=["ingest", "read"])[1]


@pytest.fixture(params=APPS.values(), ids=APPS.keys())
def app(request):
    return request.param


def running_again(address):
    """A monitor at this address."""
    return running_web_server(port=urlsplit(address).port)


def kill(process):
    """The server and its workers, without a word."""
    for pid in [pid for pid, _ in family(process.pid)]:
        os.kill(pid, signal.SIGKILL)
    process.wait()


def settled(api, expected):
    """The logs, once there are as many; a moment later, so that one too many shows."""
    until(lambda: len(api.logs()) >= expected)
    time.sleep(0.3)
    return api.logs()


def use(address):
    """Some traffic; the number of requests that should be reported."""
    with httpx.Client(base_url=address, timeout=WAIT_SECONDS) as client:
        created = client.post(
            "/orders?access_token=tok-secret-1&page=2",
            json=ORDER,
            headers={"Authorization": "Bearer abcdef1234567890", "X-Trace": "t"},
        )
        assert created.json()["token"] == "tok-secret-2"
        for number in range(10):
            assert client.get(f"/orders/{number}").json() == {"id": number}
        assert client.get("/boom").status_code == 500
        assert client.get("/nowhere").status_code == 404
        for _ in range(5):
            client.get("/health")
    return 13


def test_what_was_done_is_what_the_monitor_tells(web_server, key, app, tmp_path):
    api = Api(web_server, key)

    with running_app(app, url=web_server, key=key, spool=tmp_path / "spool") as shop:
        expected = use(shop.address)
        logs = settled(api, expected)

    assert len(logs) == expected
    assert api.logged() == api.counted()
    assert {name: told[2] for name, told in api.consumers().items()} == {"acme": 1, "globex": 10}
    named = {name: count for name, count in api.endpoints().items() if "nowhere" not in name}
    assert named == {"POST /orders": 1, f"GET {app.template}": 10, "GET /boom": 1}
    assert Counter(log["status_code"] for log in logs) == {200: 10, 201: 1, 500: 1, 404: 1}
    assert Counter(log["consumer"] for log in logs if log["consumer"]) == {"acme": 1, "globex": 10}
    assert {log["environment"] for log in logs} == {"prod"}
    assert {log["route"] for log in logs if log["status_code"] == 200} == {app.template}
    assert all("shop" in log["tags"] for log in logs)
    assert all(0 < log["latency_ms"] < 30_000 for log in logs)
    (created,) = [log for log in logs if log["status_code"] == 201]
    assert "checkout" in created["tags"]
    detail = api.detail(created["id"])
    sent = json.loads(detail["request_body"])
    assert sent["items"] == [1, 2]
    assert sent["password"] == sent["card"]["card_number"] == "***MASKED***"
    assert json.loads(detail["response_body"]) == {"id": 7, "token": "***MASKED***", "got": [1, 2]}
    assert "abcdef1234567890" not in json.dumps(detail)
    assert "tok-secret" not in json.dumps(detail)
    assert detail["url"].endswith("/orders?access_token=***MASKED***&page=2")
    (failed,) = [log for log in logs if log["status_code"] == 500]
    assert failed["error"].startswith("ValueError: boom with password=***MASKED***")


def test_a_stream_passes_through_as_it_is_made_and_is_reported_at_its_end(web_server, key, app, tmp_path):
    api = Api(web_server, key)

    with running_app(app, url=web_server, key=key, spool=tmp_path / "spool") as shop:
        with httpx.stream("GET", f"{shop.address}/stream", timeout=WAIT_SECONDS) as answer:
            chunks = [
                (chunk, answer.elapsed if answer.is_closed else None) for chunk in answer.iter_text() if chunk
            ]
        logs = until(api.logs)

    # Three pieces, as they were made, and not one that was held back until the end.
    assert [chunk for chunk, _ in chunks] == ["data: 0\n\n", "data: 1\n\n", "data: 2\n\n"]
    (log,) = logs
    assert log["latency_ms"] >= 800
    assert api.detail(log["id"])["response_body"] is None


def test_nothing_is_lost_or_doubled_while_the_monitor_is_killed(tmp_path):
    """It dies without a word in the middle, and comes back at the same address."""
    apps = {**APPS, "calls with httpx": CALLER}
    keys = {name: a_key(a_service(), scopes=["ingest", "read"])[1] for name in apps}

    with ExitStack() as running:
        monitor = running.enter_context(running_web_server())
        url = monitor.address
        spools = {name: tmp_path / str(place) for place, name in enumerate(apps)}
        shops = {
            name: running.enter_context(running_app(app, url=url, key=keys[name], spool=spools[name]))
            for name, app in apps.items()
        }
        for numbers in (range(20), range(20, 60)):
            for shop in shops.values():
                with httpx.Client(base_url=shop.address, timeout=WAIT_SECONDS) as client:
                    for number in numbers:
                        assert client.get(f"/orders/{number}").status_code == 200
            if numbers.start == 0:
                # With some of it on its way, some in memory, and some kept already.
                kill(monitor.process)
                # Our copy of the socket would go on taking connections that nobody answers.
                monitor.listener.close()
        for name, spool in spools.items():
            assert until(lambda spool=spool: list(spool.glob("*/*.ndjson"))), name
        back = running.enter_context(running_again(url))
        found = {name: settled(Api(back.address, keys[name]), 60) for name in apps}

    for name, logs in found.items():
        ends = Counter(log["path"].rpartition("/")[2] for log in logs)
        assert ends == Counter({str(number): 1 for number in range(60)}), name


def test_calls_with_httpx_are_told_once_even_when_an_answer_gets_lost(web_server, key, tmp_path):
    api = Api(web_server, key)

    with (
        a_broken_line(web_server) as line,
        running_app(CALLER, url=line.address, key=key, spool=tmp_path / "spool") as caller,
    ):
        for number in range(5):
            assert httpx.get(f"{caller.address}/orders/{number}", timeout=60).json()["id"] == number
        assert httpx.get(f"{caller.address}/login", timeout=60).json() == {"status": 201}
        until(lambda: len(line.passed) > 1 and len(api.logs()) >= 6)

    assert len(line.passed) > 1
    assert api.logged() == api.counted() == Counter({("GET", 200): 5, ("POST", 201): 1})
    assert api.endpoints() == {"GET /stock/{id}": 5, "POST /token": 1}
    details = api.details()
    assert all({"caller", "span.kind=client"} <= set(each["tags"]) for each in details)
    assert {each["environment"] for each in details} == {"prod"}
    assert not re.search("tok-secret|hunter2", json.dumps(details))
    (posted,) = [each for each in details if each["method"] == "POST"]
    assert json.loads(posted["request_body"]) == {"user": "zoe", "password": "***MASKED***"}
    assert json.loads(posted["response_body"]) == {"token": "***MASKED***"}


def test_what_waits_on_disk_is_sent_by_the_next_process(key, free_port, tmp_path):
    app = APPS["FastAPI, uvicorn"]
    spool = tmp_path / "spool"
    # Nobody listens there yet.
    address = f"http://127.0.0.1:{free_port}"

    with running_app(app, url=address, key=key, spool=spool) as shop:
        for number in range(7):
            httpx.get(f"{shop.address}/orders/{number}", timeout=60)
    files = list(spool.glob("*/*.ndjson"))
    assert sum(len(file.read_bytes().splitlines()) for file in files) == 7
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)

    with running_again(address), running_app(app, url=address, key=key, spool=spool) as shop:
        httpx.get(f"{shop.address}/orders/7", timeout=60)
        api = Api(address, key)
        logs = settled(api, 8)

    assert sorted(log["path"] for log in logs) == [f"/orders/{number}" for number in range(8)]
    assert list(spool.glob("*/*.ndjson")) == []


def test_a_stopping_server_sends_what_is_queued(web_server, key, app, tmp_path):
    """uvicorn ends itself by the signal, so nothing that runs at a process's exit is run."""
    api = Api(web_server, key)

    with running_app(app, url=web_server, key=key, spool=tmp_path / "spool") as shop:
        for number in range(20):
            httpx.get(f"{shop.address}/orders/{number}", timeout=60)
        shop.process.send_signal(signal.SIGTERM)
        shop.process.wait(timeout=WAIT_SECONDS)

    assert len(api.logs()) == 20


def test_an_answer_that_was_lost_does_not_double_a_log(web_server, key, app, tmp_path):
    api = Api(web_server, key)

    with (
        a_broken_line(web_server) as line,
        running_app(app, url=line.address, key=key, spool=tmp_path / "spool") as shop,
    ):
        for number in range(5):
            httpx.get(f"{shop.address}/orders/{number}", timeout=60)
        until(lambda: len(line.passed) > 1)
        until(lambda: not list((tmp_path / "spool").glob("*/*.ndjson")))

    assert len(line.passed) > 1
    assert sorted(log["path"] for log in api.logs()) == [f"/orders/{number}" for number in range(5)]
    assert api.total() == 5
    assert re.fullmatch(r"[0-9a-f]{16}-\d+", api.detail(api.logs()[0]["id"])["event_id"])
