"""The dialects, as their own clients speak them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django import db
from django.test import Client
from django.utils import timezone

from monitor.models import Beat, Monitor, MonitorCheck, MonitorEvent, MonitorStanding, Ping, PushTarget
from monitor.monitors import set_active
from monitor.monitors.internal import judge_internal
from monitor.monitors.register import change_monitor, clone_monitor
from monitor.probing import BadConfig
from monitor.push.keys import addresses_of, ping_key_of, snippets_of
from tests.factories import an_organization
from tests.monitors.scenes import a_monitor
from tests.push.lane import lane_of_pings, pings_by

pytestmark = pytest.mark.django_db


def a_push(organization=None, **config):
    return a_monitor(organization, kind="push", config=config)


def token_of(monitor):
    return PushTarget.objects.get(monitor=monitor).token


def state_of(monitor):
    return MonitorStanding.objects.get(monitor=monitor).state


def pings():
    return list(Ping.objects.order_by("number").values_list("kind", flat=True))


@pytest.fixture(params=["views", "lane"])
def client(request):
    """Both faces: they say the same."""
    browser = Client(enforce_csrf_checks=True)
    if request.param == "views":
        yield browser
        return
    with lane_of_pings(db.connections["default"]) as lane, pings_by(lane):
        yield browser


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_healthchecks_ping_is_a_success(client, method):
    monitor = a_push()

    answer = getattr(client, method)(f"/ping/{token_of(monitor)}")

    assert (answer.status_code, answer.content) == (200, b"" if method == "head" else b"OK")
    assert answer["Ping-Body-Limit"] == "10000"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert state_of(monitor) == 1


def test_a_ping_moves_the_moment_from_which_the_next_is_late(client):
    monitor = a_push(period_s=600, grace_s=60)
    before = timezone.now()

    client.get(f"/ping/{token_of(monitor)}")

    row = MonitorCheck.objects.get()
    assert timedelta(seconds=659) < row.next_check_at - before < timedelta(seconds=662)
    late = judge_internal(monitor, now=row.next_check_at + timedelta(seconds=1))
    assert late.finding.message == "No ping came in time."
    assert judge_internal(monitor, now=before + timedelta(seconds=60)).finding is None


def test_start_and_finish_give_the_time_a_run_took(client):
    monitor, run, other = a_push(), uuid4(), uuid4()
    address = f"/ping/{token_of(monitor)}"

    client.get(f"{address}/start?rid={run}")
    client.get(f"{address}?rid={other}")
    assert PushTarget.objects.get().started_at is not None
    client.get(f"{address}?rid={run}")

    durations = list(Ping.objects.order_by("number").values_list("duration_ms", flat=True))
    assert pings() == ["start", "success", "success"]
    assert durations[:2] == [None, None]
    assert durations[2] >= 0
    assert PushTarget.objects.get().started_at is None


def test_failures_and_exit_statuses(client):
    monitor = a_push()
    address = f"/ping/{token_of(monitor)}"

    codes = [client.get(f"{address}/{action}").status_code for action in ("0", "7", "log", "fail", "256")]

    assert codes == [200, 200, 200, 200, 400]
    assert pings() == ["success", "failure", "log", "failure"]
    assert state_of(monitor) == 0
    assert Beat.objects.order_by("id").filter(state=0)[0].message == "Exit status 7."
    assert [event.notice for event in MonitorEvent.objects.all()] == ["down"]
    client.get(address)
    assert state_of(monitor) == 1


@pytest.mark.parametrize(
    ("rest", "status", "words"),
    [
        ("36f1c7ab-433f-4de6-9dc2-c3af20732ccf", 404, b"not found"),
        ("nobodys-key/slug", 404, b"not found"),
        ("nothing", 404, b"not found"),
        ("{token}/dance", 404, b"not found"),
        ("{token}/start/again", 404, b"not found"),
        ("{token}?rid=7", 400, b"invalid uuid format"),
    ],
)
def test_what_is_no_address_of_a_ping(client, rest, status, words):
    monitor = a_push()

    answer = client.get(f"/ping/{rest.format(token=token_of(monitor))}")

    assert (answer.status_code, answer.content) == (status, words)
    assert pings() == []


def test_slugs_are_found_made_and_may_not_be_ambiguous(client):
    organization = an_organization()
    key = ping_key_of(organization)
    a_push(organization, slug="backup")
    a_push(slug="backup")

    assert client.get(f"/ping/{key}/backup/start").status_code == 200
    assert client.get(f"/ping/{key}/nightly").status_code == 404
    assert client.get(f"/ping/{key}/nightly?create=1").status_code == 201
    assert client.get(f"/ping/{key}/nightly?create=1").status_code == 200
    assert client.get(f"/ping/{key}/Not%20a%20slug?create=1").status_code == 404
    assert Monitor.objects.filter(organization=organization, name="nightly").count() == 1
    # As two that were there before slugs were held apart.
    PushTarget.objects.filter(monitor=a_push(organization)).update(slug="backup")
    assert client.get(f"/ping/{key}/backup").status_code == 409


def test_bodies_are_kept_masked_and_cut_and_their_words_count(client):
    monitor = a_push(failure_words=["ERROR"], start_words=["begin"])
    address = f"/ping/{token_of(monitor)}"

    client.post(address, "all well, password=hunter2", content_type="text/plain")
    client.post(address, "x" * 50_000, content_type="text/plain")
    client.post(address, "begin", content_type="text/plain")
    client.post(address, "ERROR: no disk", content_type="text/plain")

    kept = list(Ping.objects.order_by("number"))
    assert [ping.kind for ping in kept] == ["success", "success", "start", "failure"]
    assert "hunter2" not in kept[0].body
    assert len(kept[1].body) == 10_000
    assert MonitorStanding.objects.get(monitor=monitor).message == "ERROR: no disk"


def test_only_posts_count_where_only_posts_are_taken(client):
    monitor = a_push(methods="post")
    address = f"/ping/{token_of(monitor)}"

    client.get(address)
    client.post(address)

    assert pings() == ["ignored", "success"]


def test_a_paused_monitor_ignores_pings(client):
    monitor = a_push()
    set_active([monitor], is_active=False, now=timezone.now())

    assert client.get(f"/ping/{token_of(monitor)}").status_code == 200

    assert pings() == ["ignored"]
    assert state_of(monitor) is None


def test_the_log_of_pings_keeps_the_newest(client, monkeypatch):
    monkeypatch.setattr("monitor.push.pings.PINGS_KEPT", 3)
    monitor = a_push()

    for _ in range(5):
        client.get(f"/ping/{token_of(monitor)}/log")

    assert list(Ping.objects.order_by("number").values_list("number", flat=True)) == [3, 4, 5]


def test_uptime_kumas_dialect(client):
    monitor = a_push()
    token = token_of(monitor).hex

    up = client.get(f"/api/push/{token}?status=up&msg=OK&ping=12.5")
    assert (up.status_code, up.json()) == (200, {"ok": True})
    assert Beat.objects.get().response_ms == 12.5
    client.post(f"/api/push/{token}?status=broken&msg=Disk+full&ping=1e99")
    assert (state_of(monitor), MonitorStanding.objects.get().message) == (0, "Disk full")
    unknown = client.get("/api/push/nothing")
    assert (unknown.status_code, unknown.json()["ok"]) == (404, False)


def test_peekapings_dialect(client):
    monitor = a_push()
    address = f"/api/v1/push/{token_of(monitor).hex}"

    assert client.get(f"{address}?status=1&msg=OK").json() == {"ok": "true"}
    client.get(f"{address}?status=0&msg=no")
    assert state_of(monitor) == 0
    assert client.get("/api/v1/push/nothing").status_code == 404
    set_active([monitor], is_active=False, now=timezone.now())
    assert client.get(address).status_code == 400


def test_our_own_dialect(client):
    monitor = a_push()
    address = f"/v1/push/{token_of(monitor).hex}"

    assert client.post(f"{address}/start").json() == {"ok": True}
    assert client.post(address).status_code == 200
    assert client.post(f"{address}?status=down&msg=no").status_code == 200
    assert client.post(f"{address}/300").status_code == 400
    assert client.post(f"/v1/push/{uuid4()}").status_code == 404
    assert pings() == ["start", "success", "failure"]


def test_every_address_and_snippet_that_is_shown_works(client):
    monitor = a_push(slug="backup")

    for address in addresses_of(monitor).values():
        assert client.get(address.removeprefix("http://127.0.0.1:8090")).status_code == 200
    assert all(str(token_of(monitor)) in snippet for snippet in snippets_of(monitor).values())


def test_a_ping_that_races_with_the_look_at_its_lateness_wins(client):
    from monitor.monitors import Checked, keep
    from monitor.monitors.claiming import claim_due
    from monitor.probing import Finding, Outcome

    monitor = a_push(period_s=10, grace_s=0)
    client.get(f"/ping/{token_of(monitor)}")
    later = timezone.now() + timedelta(seconds=30)
    (taken,) = claim_due(region="", limit=5, now=later)
    client.get(f"/ping/{token_of(monitor)}")

    late = Checked(
        check_id=taken.check_id,
        claim=taken.claim,
        monitor_id=monitor.id,
        planned_at=taken.planned_at,
        checked_at=later,
        finding=Finding(outcome=Outcome.FAILED, message="late"),
    )

    assert keep([late], now=later) == []
    assert state_of(monitor) == 1


def test_a_status_in_the_address_leaves_the_body_its_say(client):
    monitor = a_push(failure_words=["broken"])

    client.post(f"/v1/push/{token_of(monitor)}?status=up", "all is broken", content_type="text/plain")

    assert Ping.objects.get().body == "all is broken"
    assert pings() == ["failure"]


@pytest.mark.parametrize(
    "address", ["/ping/%00/x", "/ping/key/%00", "/ping/38a7f46e-b991-4c16-a612-ee8e55088279/%00"]
)
def test_an_address_with_a_nul_is_nobodys(client, address):
    assert client.get(address).status_code == 404


def test_a_copy_has_no_slug_and_both_are_pinged(client):
    organization = an_organization()
    monitor = a_push(organization, slug="nightly")

    copy = clone_monitor(monitor, name="Copy", now=timezone.now())

    assert copy.config["slug"] == ""
    assert PushTarget.objects.get(monitor=copy).slug == ""
    assert client.get(f"/ping/{ping_key_of(organization)}/nightly").status_code == 200


def test_a_slug_is_taken_once_in_an_organization():
    organization = an_organization()
    monitor, other = a_push(organization, slug="nightly"), a_push(organization)
    a_push(slug="nightly")

    with pytest.raises(BadConfig) as made:
        a_push(organization, slug="nightly")
    with pytest.raises(BadConfig) as changed:
        change_monitor(other, {}, {"slug": "nightly"}, now=timezone.now())
    change_monitor(monitor, {}, {"slug": "nightly", "period_s": 60}, now=timezone.now())

    assert (made.value.field, changed.value.field) == ("slug", "slug")
    assert Monitor.objects.filter(organization=organization).count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_that_take_a_slug_at_once_one_is_told():
    organization, start = an_organization(), threading.Barrier(2)

    def take(number):
        try:
            start.wait(10)
            a_push(organization, slug="nightly")
        except BadConfig:
            return "told"
        finally:
            db.connection.close()
        return "took"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, range(2))) == ["told", "took"]
