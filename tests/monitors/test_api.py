"""/v1/monitors as callers see it."""

import json
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.lib.masking import MASK
from monitor.models import Beat, Monitor
from monitor.monitors import looking, set_active
from monitor.probing import Outcome
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor, check, each_minute
from tests.monitors.test_pages import form
from tests.probing.http_target import Answer, http_target

pytestmark = pytest.mark.django_db
SCOPES = ["read", "manage"]


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=SCOPES)[1])


def patch_json(client, address, data):
    return client.patch(address, data, content_type="application/json")


def test_a_monitor_is_made_read_changed_and_removed(client):
    made = post_json(
        client,
        "/v1/monitors",
        {
            "name": "Shop",
            "kind": "http",
            "config": {
                "url": "https://shop.example/health",
                "auth": {"type": "bearer", "token": "s3cret"},
                "assertions": [{"source": "jsonpath", "property": "$.ok", "target": True}],
            },
            "tags": ["shop"],
        },
    )
    assert made.status_code == 201, made.json()
    address = f"/v1/monitors/{made.json()['id']}"
    assert made.json()["state"] == "new"
    assert made.json()["config"]["auth"]["token"] == MASK

    changed = patch_json(client, address, {"name": "Store", "config": made.json()["config"]})

    assert (changed.status_code, changed.json()["name"]) == (200, "Store")
    assert client.get(address).json()["config"]["auth"]["token"] == MASK
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"config": {}}, "config", "url"),
        ({"config": {"url": "nope"}}, "config", "http://"),
        ({"kind": "carrier-pigeon"}, "kind", "not a valid choice"),
        ({"interval_s": 1}, "interval_s", "greater than or equal"),
        ({"timeout_s": 60, "interval_s": 30}, "timeout_s", "before the next"),
        ({"regions": ["Not A Region"]}, "regions", "required pattern"),
        (
            {"config": {"url": "http://a/", "assertions": [{"source": "jsonpath", "property": "x"}]}},
            "config",
            "JSONPath",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(client, given, field, words):
    answer = post_json(
        client, "/v1/monitors", {"name": "x", "kind": "http", "config": {"url": "http://a/"}, **given}
    )

    assert answer.status_code == 400
    assert any(
        error["field"].startswith(field) and words in error["message"] for error in answer.json()["errors"]
    ), answer.json()["errors"]


def test_lists_can_be_filtered(client, organization):
    up, down = a_monitor(organization, name="one", tags=["a"]), a_monitor(organization, name="two")
    paused, _elsewhere = a_monitor(organization, name="three"), a_monitor(name="elsewhere")
    check(up, Outcome.SLOW)
    check(down, Outcome.FAILED)
    set_active([paused], is_active=False, now=timezone.now())

    def names(query):
        return [row["name"] for row in client.get(f"/v1/monitors?{query}").json()]

    assert names("") == ["three", "two", "one"]
    assert names("state=slow") == ["one"]
    assert names("state=down") == ["two"]
    assert names("state=paused") == ["three"]
    assert names("tag=a") == ["one"]
    assert names("q=tw") == ["two"]
    assert names("is_active=false") == ["three"]


def test_the_list_costs_the_same_however_long_it_is(client, organization, django_assert_max_num_queries):
    for _ in range(5):
        check(a_monitor(organization))

    # The key, its use, the organization's monitors with their standings.
    with django_assert_max_num_queries(4):
        assert len(client.get("/v1/monitors").json()) == 5


def test_pause_resume_and_copy(client, organization):
    monitor = a_monitor(organization)
    address = f"/v1/monitors/{monitor.id}"

    assert post_json(client, f"{address}/pause", {}).json()["state"] == "paused"
    assert post_json(client, f"{address}/resume", {}).json()["state"] == "new"
    copy = post_json(client, f"{address}/clone", {})

    assert copy.status_code == 201
    assert (copy.json()["name"], copy.json()["is_active"]) == ("the monitor (copy)", False)


def test_many_are_changed_together_or_not_at_all(client, organization):
    mine = [a_monitor(organization) for _ in range(3)]
    ids = [str(monitor.id) for monitor in mine]

    def batch(**asked):
        return post_json(client, "/v1/monitors/batch", {"ids": ids, **asked})

    assert batch(action="change", changes={"interval_s": 300, "tags": ["x"]}).json() == {"done": 3}
    assert set(Monitor.objects.values_list("interval_s", flat=True)) == {300}
    assert batch(action="change", changes={"timeout_s": 301}).status_code == 400
    assert batch(action="change", changes={"name": "same"}).status_code == 400
    assert batch(action="pause", ids=[*ids, str(a_monitor().id)]).status_code == 404
    assert Monitor.objects.filter(id__in=ids, is_active=True).count() == 3
    assert batch(action="pause").json() == {"done": 3}
    assert batch(action="remove").json() == {"done": 3}
    assert not Monitor.objects.filter(id__in=ids).exists()


def test_a_look_before_saving_tells_all_and_keeps_nothing(client, settings):
    settings.QUICK_START = True
    with http_target(Answer(503, b"busy")) as target:
        found = post_json(
            client, "/v1/monitors/test", {"kind": "http", "config": {"url": target.url()}}
        ).json()

    assert (found["outcome"], found["message"]) == ("failed", "The status is 503.")
    assert found["detail"]["answer"]["body"] == "busy"
    assert set(found["phases_ms"]) == {"resolve", "connect", "tls", "wait", "transfer"}
    assert not Beat.objects.exists()


def test_a_look_goes_nowhere_that_the_installation_forbids(client, settings):
    settings.QUICK_START = False
    with http_target() as target:
        found = post_json(
            client, "/v1/monitors/test", {"kind": "http", "config": {"url": target.url()}}
        ).json()

    assert found["outcome"] == "unknown"
    assert target.asked == []


def test_a_look_uses_the_secrets_of_a_saved_monitor_of_ones_own_alone(client, organization, settings):
    settings.QUICK_START = True
    with http_target() as target:
        config = {"url": target.url("/old"), "auth": {"type": "bearer", "token": "s3cret"}}
        mine, others = a_monitor(organization, config=config), a_monitor(config=config)
        asked = {"kind": "http", "config": {**mine.config, "url": target.url("/new")}}
        used = post_json(client, "/v1/monitors/test", {**asked, "monitor_id": str(mine.id)})
        stolen = post_json(client, "/v1/monitors/test", {**asked, "monitor_id": str(others.id)})

    assert (used.status_code, stolen.status_code) == (200, 404)
    assert [each.headers["Authorization"] for each in target.asked] == ["Bearer s3cret"]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"url": "there"}, "url"),
        ({"proxy": {"url": "there"}}, "proxy.url"),
        ({"auth": {"type": "oauth2", "client_id": "a", "client_secret": MASK, "token_url": "there"}}, "url"),
        ({"verify_tls": False}, "verify_tls"),
        ({"headers": [["X-Other", MASK]]}, "headers"),
        ({"auth": {"type": "basic", "username": "a", "password": MASK}}, "auth.password"),
    ],
)
def test_a_kept_secret_goes_to_no_other_target(client, organization, settings, changed, place):
    settings.QUICK_START = True
    auth = {"type": "bearer", "token": "s3cret", "client_secret": "s3cret"}
    monitor = a_monitor(organization, config={"url": "http://127.0.0.1:1/", "auth": auth})
    before = Monitor.objects.values().get()
    with http_target() as target:
        config = json.loads(json.dumps({**monitor.config, **changed}).replace("there", target.url()))
        looked = post_json(
            client, "/v1/monitors/test", {"kind": "http", "config": config, "monitor_id": str(monitor.id)}
        )
        saved = patch_json(client, f"/v1/monitors/{monitor.id}", {"config": config})

    assert target.asked == []
    for answer in (looked, saved):
        assert answer.status_code == 400, answer.json()
        assert place in json.dumps(answer.json()["errors"])
        assert "again" in json.dumps(answer.json()["errors"])
    assert Monitor.objects.values().get() == before


def test_a_kept_secret_fills_no_other_kind(client, organization):
    monitor = a_monitor(organization, kind="redis", config={"host": "127.0.0.1", "port": 1, "password": "s"})
    asked = {"host": "127.0.0.1", "port": 1, "username": "ada", "password": MASK}
    looked = post_json(
        client, "/v1/monitors/test", {"kind": "postgres", "config": asked, "monitor_id": str(monitor.id)}
    )

    assert (looked.status_code, "again" in json.dumps(looked.json())) == (400, True)


def test_heartbeats_newest_first_with_pages_filters_and_one_in_full(client, organization):
    monitor = a_monitor(organization)
    start = timezone.now() - timedelta(minutes=10)
    each_minute(monitor, Outcome.OK, Outcome.FAILED, Outcome.FAILED, Outcome.OK, start=start)
    address = f"/v1/monitors/{monitor.id}/heartbeats"

    rows = client.get(address).json()
    assert [row["state"] for row in rows] == ["up", "down", "down", "up"]
    assert [row["state"] for row in client.get(f"{address}?is_important=true").json()] == ["up", "down", "up"]
    assert len(client.get(f"{address}?state=down&limit=1").json()) == 1
    assert "next" in client.get(f"{address}?limit=2")["Link"]
    assert client.get(f"{address}/{rows[0]['id']}").json()["detail"] == {}
    events = client.get(f"/v1/monitors/{monitor.id}/events").json()
    assert [(row["notice"], row["outage_s"]) for row in events] == [("up", 120.0), ("down", None)]


def test_stats_tell_uptime_by_time_and_percentiles(client, organization):
    monitor = a_monitor(organization)
    start = timezone.now() - timedelta(minutes=10)
    each_minute(monitor, *[Outcome.OK] * 9, Outcome.FAILED, Outcome.OK, start=start)

    day, *_, year = client.get(f"/v1/monitors/{monitor.id}/stats").json()

    assert day["window"] == "24h"
    assert day["uptime"] == pytest.approx(0.9)
    assert (day["checks"], day["failures"], day["average_ms"]) == (11, 1, 20.0)
    assert day["percentiles_ms"] == {"p50": 20.0, "p95": 20.0, "p99": 20.0}
    assert year["uptime"] == pytest.approx(0.9)
    assert year["percentiles_ms"]["p50"] == pytest.approx(20, rel=0.0054)
    assert client.get(f"/v1/monitors/{monitor.id}/stats?window=2d").status_code == 400


def test_a_service_key_has_its_services_monitors(organization):
    service = a_service(organization)
    client = a_client(a_key(service, scopes=SCOPES)[1])
    other = a_monitor(organization)
    config = {"url": "http://a/"}

    refused = post_json(client, "/v1/monitors", {"name": "x", "kind": "http", "config": config})
    made = post_json(
        client,
        "/v1/monitors",
        {"name": "x", "kind": "http", "config": config, "service_id": str(service.id)},
    )

    assert (refused.status_code, made.status_code) == (400, 201)
    assert [row["id"] for row in client.get("/v1/monitors").json()] == [made.json()["id"]]
    assert client.get(f"/v1/monitors/{other.id}").status_code == 403
    given_away = patch_json(client, f"/v1/monitors/{made.json()['id']}", {"service_id": None})
    assert given_away.status_code == 400


def test_a_group_holds_monitors_of_its_own_organization_and_never_itself(client, organization):
    group, child = a_monitor(organization, kind="group"), a_monitor(organization)
    foreign = a_monitor(kind="group")

    def put(monitor, parent):
        return patch_json(client, f"/v1/monitors/{monitor.id}", {"parent_id": str(parent.id)}).status_code

    assert put(child, group) == 200
    assert put(child, foreign) == 400
    assert put(child, child) == 400
    assert put(group, group) == 400


def test_looks_leave_threads_for_everybody_else(client, settings, monkeypatch):
    settings.QUICK_START = True
    monkeypatch.setattr(looking, "looks", threading.BoundedSemaphore(1))
    person = a_client(user=a_user(an_organization(), "admin"))
    with http_target() as target:
        asked = {"kind": "http", "config": {"url": target.url()}}
        with looking.looks:
            refused = post_json(client, "/v1/monitors/test", asked)
            page = person.post("/monitors/new?kind=http", form(config_url=target.url(), look="1"))
        looked = [post_json(client, "/v1/monitors/test", asked).json()["outcome"] for _ in range(2)]

    assert (refused.status_code, refused["Retry-After"]) == (503, "10")
    assert "under way already" in page.content.decode()
    assert looked == ["ok", "ok"]
    assert len(target.asked) == 2


def test_a_secret_that_no_key_opens_is_asked_for_again(client, organization, settings):
    config = {"url": "http://127.0.0.1:1/", "auth": {"type": "bearer", "token": "s3cret"}}
    monitor = a_monitor(organization, config=config)
    settings.SECRETS_KEYS = ["another"]
    asked = {"kind": "http", "config": monitor.config, "monitor_id": str(monitor.id)}

    answers = [
        post_json(client, "/v1/monitors/test", asked),
        patch_json(client, f"/v1/monitors/{monitor.id}", {"config": monitor.config}),
    ]
    config["auth"]["token"] = "n3w"
    anew = patch_json(client, f"/v1/monitors/{monitor.id}", {"config": config})

    assert [answer.status_code for answer in (*answers, anew)] == [400, 400, 200]
    assert all("auth.token" in json.dumps(answer.json()) for answer in answers)
