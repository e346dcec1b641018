"""What was refused: a call that the guard of addresses did not let out, a key that asked for too much."""

import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from monitor.access.tokens import issue_token
from monitor.audit import refusals
from monitor.events import record_event
from monitor.lib.actors import Scope
from monitor.lib.ids import uuid7_at
from monitor.models import AuditEntry
from monitor.probing import Outcome
from monitor.replay.send import note_blocked_target
from monitor.webhooks.desk import WebhookDesk
from monitor.webhooks.endpoints import make_endpoint
from monitor.webhooks.sender import Sender
from tests.asgi import lane_on
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs, post_json
from tests.monitors.scenes import a_monitor, check

pytestmark = pytest.mark.django_db
INSIDE = "http://10.0.0.7:8080/token?secret=1"


@pytest.fixture
def service():
    return a_service(name="orders", base_url="http://10.0.0.7:8080")


@pytest.fixture(autouse=True)
def _an_installation_on_the_internet(settings):
    settings.QUICK_START = False
    settings.OUTBOUND_ALLOW = ()


def blocked():
    return list(AuditEntry.objects.filter(action="ssrf.blocked").order_by("id"))


def denied():
    return list(AuditEntry.objects.filter(action__endswith=".scope_denied").order_by("id"))


# --- Addresses ---------------------------------------------------------------------------------------------


def test_a_replay_to_an_address_inside_is_told_with_who_asked_and_without_its_path(service):
    [log_id] = keep_logs(service, a_log(url=INSIDE, path="/token"))
    owner = a_user(service.organization, "owner")

    answer = post_json(a_client(user=owner), f"/v1/logs/{log_id}/replay", {})

    assert answer.json()["status"] == "failed"
    [entry] = blocked()
    assert (entry.organization_id, entry.actor_id) == (service.organization_id, str(owner.id))
    assert (entry.target_type, entry.target_id) == ("service", str(service.id))
    assert (entry.note, entry.face) == ("http://10.0.0.7:8080", "api")
    assert entry.request_id == answer["X-Request-Id"]


def test_a_replay_to_an_origin_that_is_not_the_services_own_is_told_though_its_answer_is_an_error(service):
    [log_id] = keep_logs(service, a_log(url=INSIDE))
    owner = a_client(user=a_user(service.organization, "owner"))
    override = {"override_url": "http://169.254.169.254/latest/meta-data"}

    assert post_json(owner, f"/v1/logs/{log_id}/replay", override).status_code == 403

    assert [entry.note for entry in blocked()] == ["http://169.254.169.254:80"]


def test_a_webhook_that_is_saved_with_an_address_inside_is_told(service):
    owner = a_client(user=a_user(service.organization, "owner"))
    body = {"url": "https://192.168.1.1/hook?key=k", "enabled_events": ["*"]}

    assert post_json(owner, "/v1/webhook-endpoints", body).status_code == 400

    [entry] = blocked()
    assert (entry.organization_id, entry.note) == (service.organization_id, "https://192.168.1.1:443")


def test_a_webhook_that_is_not_let_out_is_told_once_an_hour_however_often_it_is_sent(service):
    now = timezone.now()
    endpoint, _ = make_endpoint(
        organization=service.organization, url="https://10.0.0.7/hook/secret", enabled_events=["*"], now=now
    )
    for _ in range(3):
        record_event(organization_id=service.organization_id, type="order.shipped", data={}, now=now)

    sender = Sender(WebhookDesk(), slots=4)
    until = time.monotonic() + 10
    while endpoint.deliveries.exclude(status="blocked").exists() and time.monotonic() < until:
        sender.turn()
    sender.close()

    [entry] = blocked()
    assert (entry.target_id, entry.note) == (str(endpoint.id), "https://10.0.0.7:443")
    assert (entry.actor_kind, entry.face) == ("system", "worker")


def test_a_monitor_that_is_looked_at_all_the_time_is_told_once_an_hour():
    monitor = a_monitor(name="intranet")
    an_hour_ago = timezone.now() - timedelta(minutes=61)
    AuditEntry.objects.create(
        id=uuid7_at(an_hour_ago),
        happened_at=an_hour_ago,
        action="ssrf.blocked",
        actor_kind="system",
        organization_id=monitor.organization_id,
        target_id=str(monitor.id),
    )
    for _ in range(5):
        check(monitor, Outcome.UNKNOWN, is_blocked=True)

    _, entry = blocked()
    assert (entry.target_label, entry.organization_id) == ("intranet", monitor.organization_id)


def test_a_look_before_saving_is_told(service):
    owner = a_client(user=a_user(service.organization, "owner"))
    body = {"kind": "http", "config": {"url": "http://10.0.0.7/"}}

    assert post_json(owner, "/v1/monitors/test", body).json()["outcome"] == "unknown"

    [entry] = blocked()
    assert (entry.organization_id, entry.note) == (service.organization_id, "GET http://10.0.0.7/")


def test_one_address_after_the_other_is_told_ten_times_an_hour(service):
    for number in range(30):
        note_blocked_target(service, f"http://10.0.0.{number}:80")

    assert len(blocked()) == refusals.MOST_EACH


# --- Scopes ------------------------------------------------------------------------------------------------


def test_a_key_without_the_scope_is_told_once_an_hour_with_the_first_thing_it_asked_for(service):
    key, raw = a_key(service, scopes=["ingest"])
    client = a_client(raw)

    first = client.get("/v1/logs", headers={"User-Agent": "curl/8"})
    for _ in range(3):
        assert client.get("/v1/services").status_code == 403
    assert post_json(client, "/v1/webhook-endpoints", {}).status_code == 403

    reading, managing = denied()
    assert (reading.action, reading.target_id) == ("api_key.scope_denied", str(key.id))
    assert (reading.method, reading.route, reading.user_agent) == ("GET", "v1/logs", "curl/8")
    assert (reading.request_id, reading.organization_id) == (first["X-Request-Id"], key.organization_id)
    assert "'read'" in reading.note
    assert "'manage'" in managing.note


def test_a_key_of_one_service_that_reaches_for_another_is_told(service):
    _, raw = a_key(service, scopes=["read"])
    other = a_service(service.organization)

    assert a_client(raw).get(f"/v1/services/{other.id}").status_code == 403

    [entry] = denied()
    assert "another service" in entry.note


def test_a_personal_token_without_the_scope_is_told_where_its_person_is(service):
    member = a_user(service.organization)
    token, raw = issue_token(user_id=member.id, name="ci", scopes=[Scope.READ], expires_at=None)

    assert post_json(a_client(raw), "/v1/services", {"name": "x"}).status_code == 403

    [entry] = denied()
    assert (entry.action, entry.target_id) == ("personal_token.scope_denied", str(token.id))
    owner = a_client(user=a_user(service.organization, "owner"))
    assert owner.get("/v1/audit-log?action=personal_token.scope_denied").json()[0]["id"] == str(entry.id)


def test_a_person_who_lacks_a_role_and_a_stranger_are_not(service):
    assert post_json(a_client(user=a_user(service.organization)), "/v1/services", {}).status_code == 403
    assert a_client().get("/v1/services").status_code in (401, 200)

    assert denied() == []


def test_another_organization_sees_none_of_it(service):
    _, raw = a_key(service, scopes=["ingest"])
    a_client(raw).get("/v1/services")

    stranger = a_client(user=a_user(an_organization(), "owner"))

    assert stranger.get("/v1/audit-log?action=*.scope_denied").json() == []
    assert stranger.get("/v1/audit-log?action=api_key.*").json() == []


def test_what_was_kept_is_remembered_and_asks_the_database_nothing(
    service, django_capture_on_commit_callbacks, django_assert_num_queries
):
    with django_capture_on_commit_callbacks(execute=True):
        note_blocked_target(service, "http://10.0.0.7:80")

    with django_assert_num_queries(0):
        note_blocked_target(service, "http://10.0.0.7:80")
    assert len(blocked()) == 1


# --- In front of Django ------------------------------------------------------------------------------------


def test_the_lane_tells_of_a_key_that_may_not_send_once(service):
    key, raw = a_key(service, scopes=["read"])
    headers = [
        ("Host", "testserver"),
        ("Authorization", f"Bearer {raw}"),
        ("Content-Type", "application/json"),
    ]
    with lane_on(connections["default"]) as lane:
        answers = [lane.call("/v1/logs", headers, b"{}") for _ in range(3)]

    assert {answer.status for answer in answers} == {403}
    [entry] = denied()
    assert (entry.target_id, entry.face, entry.route) == (str(key.id), "api", "v1/logs")
    assert (entry.ip, entry.request_id) == ("127.0.0.1", answers[0].header("X-Request-Id"))
