"""/v1/services/{id}/keys: made once in sight, listed without the key, revoked at once."""

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import ApiKey
from tests.factories import a_client, a_key, a_log, a_service, an_organization, post_json, rfc3339

FIELDS = {
    "id",
    "service_id",
    "name",
    "key_prefix",
    "scopes",
    "mode",
    "kind",
    "api_version",
    "is_active",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "requests_per_minute",
    "logs_per_minute",
}


@pytest.fixture
def service(db):
    return a_service(an_organization())


@pytest.fixture
def manager(service):
    return a_client(a_key(organization=service.organization, scopes=["read", "manage", "replay"])[1])


@pytest.fixture
def keys(service):
    return f"/v1/services/{service.id}/keys"


def test_a_new_key_is_shown_once_and_kept_as_a_digest(manager, service, keys):
    made = post_json(manager, keys, {"name": "production"})

    assert made.status_code == 201
    key = made.json()
    assert set(key) == FIELDS | {"raw_key"}
    assert re.fullmatch(r"mkey_[0-9A-Za-z]{38}", key["raw_key"])
    assert re.fullmatch(r"mkey_[0-9A-Za-z]{6,}", key["key_prefix"])
    assert key["raw_key"].startswith(key["key_prefix"])
    assert (key["service_id"], key["name"]) == (str(service.id), "production")
    assert (key["is_active"], key["last_used_at"], key["mode"]) == (True, None, "live")
    assert key["scopes"] == ["ingest", "read", "replay"]
    listed = manager.get(keys).json()
    assert [set(each) for each in listed] == [FIELDS]
    assert key["raw_key"] not in manager.get(keys).content.decode()
    stored = ApiKey.objects.filter(id=key["id"]).values().get()
    assert key["raw_key"] not in repr(stored)
    assert bytes(stored["digest"]).hex() not in manager.get(keys).content.decode()


def test_a_new_key_works_at_once_and_its_use_is_remembered(manager, keys):
    raw = post_json(manager, keys, {"name": "production"}).json()["raw_key"]

    assert post_json(a_client(raw), "/v1/logs", a_log()).status_code == 201

    assert manager.get(keys).json()[0]["last_used_at"] is not None


def test_a_key_may_be_for_tests_for_less_and_for_a_while(manager, keys):
    end = timezone.now() + timedelta(days=1)

    key = post_json(
        manager,
        keys,
        {"name": "ci", "mode": "test", "scopes": ["ingest", "ingest"], "expires_at": rfc3339(end)},
    ).json()

    assert key["raw_key"].startswith("mkey_test_")
    assert (key["mode"], key["scopes"], key["expires_at"]) == ("test", ["ingest"], rfc3339(end))
    assert a_client(key["raw_key"]).get("/v1/logs").status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("name", "n" * 129),
        ("name", {}),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("scopes", "read"),
        ("scopes", None),
        ("mode", "sandbox"),
        ("expires_at", "tomorrow"),
        ("expires_at", "2001-01-01T00:00:00Z"),
    ],
)
def test_a_bad_value_is_refused_by_name(manager, keys, field, value):
    answer = post_json(manager, keys, {"name": "production", field: value})

    assert answer.status_code == 400
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]


def test_a_missing_name_is_named(manager, keys):
    assert post_json(manager, keys, {}).json()["errors"][0]["field"] == "name"


def test_nobody_gives_a_key_more_than_they_have(service, keys):
    limited = a_client(a_key(service, scopes=["manage"])[1])

    refused = post_json(limited, keys, {"name": "more", "scopes": ["read"]})
    given = post_json(limited, keys, {"name": "same", "scopes": ["manage", "ingest"]})

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert given.status_code == 201


def test_a_revoked_key_opens_nothing_from_then_on(manager, keys):
    key = post_json(manager, keys, {"name": "production"}).json()
    sender = a_client(key["raw_key"])
    assert post_json(sender, "/v1/logs", a_log()).status_code == 201

    answer = manager.delete(f"{keys}/{key['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    refused = post_json(sender, "/v1/logs", a_log())
    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    assert refused["WWW-Authenticate"].startswith("Bearer")
    listed = manager.get(keys).json()[0]
    assert listed["is_active"] is False
    assert listed["revoked_at"] is not None


def test_revoking_twice_keeps_the_first_moment(manager, service, keys):
    key, _ = a_key(service)
    manager.delete(f"{keys}/{key.id}")
    first = manager.get(keys).json()

    assert manager.delete(f"{keys}/{key.id}").status_code == 204
    assert manager.get(keys).json() == first


def test_keys_of_other_services_cannot_be_revoked_through_this_one(manager, service, keys):
    sibling, _ = a_key(a_service(service.organization))

    assert manager.delete(f"{keys}/{sibling.id}").status_code == 404
    sibling.refresh_from_db()
    assert sibling.revoked_at is None


def test_ids_that_are_unknown_or_malformed(manager, keys):
    assert manager.get(f"/v1/services/{uuid.uuid4()}/keys").status_code == 404
    assert post_json(manager, f"/v1/services/{uuid.uuid4()}/keys", {"name": "a"}).status_code == 404
    assert manager.delete(f"{keys}/{uuid.uuid4()}").status_code == 404
    for address, field in [("/v1/services/x/keys", "service_id"), (f"{keys}/x", "key_id")]:
        answer = manager.delete(address) if field == "key_id" else manager.get(address)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_query_budget_of_the_list(manager, service, keys, django_assert_num_queries):
    for _ in range(5):
        a_key(service)
    manager.get(keys)

    # the key of the caller; the service; the page.
    with django_assert_num_queries(3):
        assert len(manager.get(keys).json()) == 5
