"""Calls of our own API, kept as a service."""

import time

import httpx
import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from monitor.models import LogPayload, RequestLog, Service
from monitor.own import calls, keep_calls
from monitor.own.calls import Waiting
from monitor.own.flushing import keep_quietly
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    the_default_organization,
)
from tests.web import running_web_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on(settings):
    settings.OWN_REQUESTS = True
    calls.take(10_000)
    yield
    calls.take(10_000)


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def caller(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


def keep():
    return keep_calls(calls.take(1_000), now=timezone.now())


def test_a_call_is_kept_with_who_what_and_how_it_went(organization, caller):
    answer = caller.get("/v1/services?limit=5", headers={"User-Agent": "curl/8"})

    assert keep() == 1

    (row,) = caller.get("/v1/request-logs").json()
    assert (row["method"], row["route"], row["status_code"]) == ("GET", "/v1/services", 200)
    assert row["url"].endswith("/v1/services?limit=5")
    assert row["trace_id"] == answer["X-Request-Id"]
    assert row["tags"][0].startswith("key:mkey_")
    assert row["latency_ms"] > 0


def test_no_body_and_no_secret_is_kept(organization, caller):
    post_json(
        caller,
        "/v1/webhook-endpoints?token=hunter2",
        {"url": "https://a.example/s3cret", "enabled_events": ["*"]},
    )

    keep()

    log = RequestLog.objects.get()
    kept = LogPayload.objects.contents_of(log.id)
    assert log.request_bytes > 0
    assert "hunter2" not in log.url
    assert "s3cret" not in str(kept)
    assert not kept.get("request_body")
    assert not kept.get("response_body")


def test_what_services_report_is_not_doubled(organization):
    service = a_service(organization)

    post_json(a_client(a_key(service)[1]), "/v1/logs", a_log())

    assert keep() == 0


def test_a_refused_call_of_a_known_caller_is_kept_and_a_strangers_is_not(organization, caller):
    caller.get("/v1/services/nonsense")
    a_client().get("/v1/services")

    assert keep() == 1
    assert RequestLog.objects.get().status_code == 400


def test_a_test_keys_calls_are_of_test_mode(organization):
    a_client(a_key(organization=organization, scopes=["read"], mode="test")[1]).get("/v1/services")

    keep()

    assert RequestLog.objects.get().mode == "test"


def test_calls_do_not_mix_with_what_services_report(organization, caller):
    keep_logs(a_service(organization), a_log(path="/orders"))
    caller.get("/v1/services")
    keep()

    assert [row["path"] for row in caller.get("/v1/logs").json()] == ["/orders"]
    assert "apimonitor" not in {row["name"] for row in caller.get("/v1/services").json()}
    assert caller.get("/v1/metrics").json()["total_requests"] == 1


def test_the_explorer_shows_them_when_it_is_asked_for_them(organization, caller):
    caller.get("/v1/alerts")
    keep()
    person = a_client(user=a_user(organization))

    page = person.get("/request-logs", follow=True).content.decode()
    log = RequestLog.objects.get()

    assert "/v1/alerts" in page
    assert person.get(f"/log/{log.id}").status_code == 200
    assert "/v1/alerts" not in person.get("/logs").content.decode()


def test_without_any_call_the_way_there_says_so(organization):
    page = a_client(user=a_user(organization)).get("/request-logs", follow=True).content.decode()

    assert "No call of the API has been kept yet" in page


def test_each_organization_sees_its_own(organization, caller):
    stranger = a_client(a_key(organization=an_organization(), scopes=["read"])[1])
    caller.get("/v1/alerts")
    keep()

    assert stranger.get("/v1/request-logs").json() == []


def test_a_service_of_that_name_is_left_alone(organization, caller):
    mine = a_service(organization, name="apimonitor")
    caller.get("/v1/alerts")
    keep()

    own = Service.objects.get(is_own=True)
    assert own.name == "apimonitor (its own API)"
    assert own.id != mine.id


def test_the_log_search_narrows_them(organization, caller):
    caller.get("/v1/alerts")
    caller.get("/v1/services/nonsense")
    keep()

    assert [row["path"] for row in caller.get("/v1/request-logs?status_class=4xx").json()] == [
        "/v1/services/nonsense"
    ]


def test_off_is_off(settings, caller):
    settings.OWN_REQUESTS = False

    caller.get("/v1/services")

    assert calls.take(10) == []


def test_what_there_is_no_room_for_is_left_out_and_counted(caller):
    caller.get("/v1/services")
    (call,) = calls.take(1)
    waiting = Waiting(most=2)

    for _ in range(5):
        waiting.put(call)

    assert (len(waiting.take(10)), waiting.left_out) == (2, 3)


def test_a_database_that_fails_raises_nothing_and_fills_no_memory(caller, monkeypatch):
    def broken(*_, **__):
        raise DatabaseError("away")

    monkeypatch.setattr("monitor.own.flushing.keep_calls", broken)
    monkeypatch.setattr(connection, "close", lambda: None)
    caller.get("/v1/services")

    keep_quietly()

    assert calls.take(10) == []


def test_a_call_costs_its_request_no_statement(caller, django_assert_num_queries, settings):
    settings.OWN_REQUESTS = False
    # Remembers that the key was used, at most once a minute.
    caller.get("/v1/services")
    with django_assert_num_queries(2) as off:
        caller.get("/v1/services")
    settings.OWN_REQUESTS = True

    with django_assert_num_queries(len(off)):
        caller.get("/v1/services")


@pytest.mark.django_db(transaction=True)
def test_a_server_keeps_them_by_itself():
    organization = the_default_organization()
    raw = a_key(organization=organization, scopes=["read"])[1]
    headers = {"Authorization": f"Bearer {raw}"}

    with running_web_server(OWN_REQUESTS="true") as server:
        httpx.get(f"{server.address}/v1/alerts", headers=headers, timeout=60)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not RequestLog.objects.filter(path="/v1/alerts").exists():
            time.sleep(0.2)
        httpx.get(f"{server.address}/v1/issues", headers=headers, timeout=60)
        server.stop()

    # What came last was kept on the way out.
    assert set(RequestLog.objects.values_list("path", flat=True)) == {"/v1/alerts", "/v1/issues"}
