"""Keys as such: told apart from typing errors, expiring, rotating, remembering their use."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitor.access import KeyRejected, authenticate_key, revoke_key, rotate_key
from monitor.access.expiry import record_expired_keys
from monitor.access.keys import KeyNotUsable
from monitor.lib.jsonlog import JsonFormatter
from monitor.models import ApiKey, AuditEntry, Consumer, Endpoint, RequestLog
from tests.factories import a_client, a_key, a_log, a_service, an_organization, post_json

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer mkey_",
        "Bearer mkey_0000000000000000000000000000000000000000",
        "Bearer hello there",
        "bearer \u00e9",
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_key_is_401_and_costs_no_query(authorization, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client(headers={"Authorization": authorization}).get("/v1/logs")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")


@pytest.mark.parametrize("authorization", ["", "Basic am86aHVudGVyMg==", "Token abc", "Digest x"])
def test_another_scheme_is_a_stranger(authorization):
    answer = Client(headers={"Authorization": authorization}).get("/v1/logs")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")


def test_a_key_in_the_address_is_not_read():
    _, raw = a_key()

    assert Client().get(f"/v1/logs?api_key={raw}&key={raw}").status_code == 401


def test_a_well_formed_key_that_nobody_made_is_401():
    key, raw = a_key()
    key.delete()

    answer = a_client(raw).get("/v1/logs")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme):
    _, raw = a_key()

    assert Client(headers={"Authorization": f"{scheme}  {raw} "}).get("/v1/logs").status_code == 200


def test_a_wrong_key_is_refused_also_where_strangers_may_read(settings):
    settings.ANONYMOUS_ACCESS = "full"

    assert a_client("mkey_wrong").get("/v1/logs").status_code == 401
    assert a_client().get("/v1/logs").status_code == 200


def test_an_expired_key_says_so():
    now = timezone.now()
    _, raw = a_key(expires_at=now + timedelta(seconds=30))

    authenticate_key(raw, now=now + timedelta(seconds=29))
    with pytest.raises(KeyRejected) as rejected:
        authenticate_key(raw, now=now + timedelta(seconds=30))
    assert rejected.value.code == "key_expired"


def test_an_expired_key_is_401_on_the_api():
    _, raw = a_key(expires_at=timezone.now() - timedelta(seconds=1))

    answer = a_client(raw).get("/v1/logs")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_expired")


def test_use_is_remembered_once_a_minute():
    now = timezone.now()
    key, raw = a_key()

    for seconds in (0, 1, 59, 61):
        authenticate_key(raw, now=now + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == now + timedelta(seconds=61 if seconds == 61 else 0)


def test_a_rotated_key_works_on_until_the_overlap_ends():
    now = timezone.now()
    key, old = a_key(scopes=["ingest"], mode="test", name="production")

    successor, new = rotate_key(key, now=now, overlap=timedelta(hours=1))

    assert (successor.name, successor.scopes, successor.mode) == ("production", ["ingest"], "test")
    assert successor.service_id == key.service_id
    assert new.startswith("mkey_test_")
    assert authenticate_key(old, now=now + timedelta(minutes=59)).id == key.id
    with pytest.raises(KeyRejected):
        authenticate_key(old, now=now + timedelta(hours=1))
    assert authenticate_key(new, now=now + timedelta(days=400)).id == successor.id


def test_an_overlap_never_prolongs_a_key():
    now = timezone.now()
    key, _ = a_key(expires_at=now + timedelta(minutes=5))

    rotate_key(key, now=now, overlap=timedelta(hours=1))

    key.refresh_from_db()
    assert key.expires_at == now + timedelta(minutes=5)


def test_a_dead_key_has_no_successor():
    now = timezone.now()
    revoked, _ = a_key()
    revoke_key(revoked, now=now)
    expired, _ = a_key(expires_at=now)

    for key in (revoked, expired):
        with pytest.raises(KeyNotUsable):
            rotate_key(key, now=now, overlap=timedelta(hours=1))


def test_a_key_of_an_organization_sees_all_its_services_and_no_other():
    organization = an_organization()
    mine = {str(a_service(organization).id) for _ in range(3)}
    a_service()

    listed = a_client(a_key(organization=organization)[1]).get("/v1/services").json()

    assert {service["id"] for service in listed} == mine


def test_a_key_of_a_service_sees_that_one_alone():
    service = a_service()
    a_service(service.organization)

    listed = a_client(a_key(service)[1]).get("/v1/services").json()

    assert [each["id"] for each in listed] == [str(service.id)]


def test_the_text_of_a_key_is_in_no_log_line_no_problem_and_no_row(caplog):
    """Wherever somebody puts it by mistake: in an address, a body, an id, a name."""
    service = a_service()
    _, raw = a_key(service, scopes=["ingest", "read"])
    stranger, client = a_client(), a_client(raw)
    misplaced = a_log(
        url=f"https://shop.example/{raw}?q={raw}",
        path=f"/{raw}",
        error=f"no {raw}",
        tags=[raw],
        consumer=raw,
        request_body=raw,
    )
    calls = [
        lambda: stranger.get(f"/v1/logs?api_key={raw}"),
        lambda: stranger.get(f"/v1/{raw}"),
        lambda: stranger.get(f"/{raw}", headers={"Accept": "text/html"}),
        lambda: stranger.get("/v1/logs", headers={"Authorization": f"Bearer {raw}x", "User-Agent": raw}),
        lambda: stranger.post("/login", {"login": raw, "password": raw}, headers={"User-Agent": raw}),
        lambda: client.get("/v1/logs", headers={"X-Request-Id": raw}),
        lambda: client.get(f"/v1/logs/{raw}"),
        lambda: client.get(f"/v1/logs?limit={raw}&q=status:{raw}"),
        lambda: post_json(client, "/v1/services", {"name": raw}),
        lambda: post_json(client, "/v1/logs", misplaced),
        lambda: post_json(client, "/v1/logs", {**misplaced, "timestamp": raw}),
        lambda: post_json(client, "/v1/logs", f"{{{raw}"),
    ]
    written = []

    for call in calls:
        answer = call()
        is_problem = answer["Content-Type"] == "application/problem+json"
        written += [answer.text if is_problem else "", answer["X-Request-Id"]]
        written += [JsonFormatter().format(record) for record in caplog.records]
        caplog.clear()

    assert len(written) > 3 * len(calls) - 1
    written += [str(list(table.objects.values())) for table in (AuditEntry, RequestLog, Consumer, Endpoint)]
    assert [text for text in written if raw in text] == []


# --- Expiring is told ---------------------------------------------------------------------------------------


def test_a_key_that_expires_is_recorded_once_for_each_moment_it_was_to_end_at():
    now = timezone.now()
    key, _ = a_key(expires_at=now - timedelta(minutes=1))

    assert (record_expired_keys(now=now), record_expired_keys(now=now)) == (1, 0)

    row = AuditEntry.objects.get(action="api_key.expired")
    assert (row.target_id, row.target_label, row.actor_label) == (str(key.id), key.prefix, "system: worker")
    assert row.organization_id == key.organization_id
    assert row.note == f"It opens nothing since {key.expires_at:%Y-%m-%d %H:%M} UTC."
    ApiKey.objects.filter(id=key.id).update(expires_at=timezone.now() + timedelta(hours=1))
    later = timezone.now() + timedelta(hours=2)
    assert (record_expired_keys(now=timezone.now()), record_expired_keys(now=later)) == (0, 1)


def test_what_ended_otherwise_or_long_ago_or_not_yet_is_not_said_to_expire():
    now = timezone.now()
    a_key()
    a_key(expires_at=now + timedelta(minutes=1))
    a_key(expires_at=now - timedelta(days=31))
    revoke_key(a_key(expires_at=now - timedelta(minutes=1))[0], now=now - timedelta(minutes=2))
    removed, _ = a_key(expires_at=now - timedelta(minutes=1))
    removed.service.mark_deleted(now=now)

    assert record_expired_keys(now=now) == 0
    assert not AuditEntry.objects.filter(action="api_key.expired").exists()
