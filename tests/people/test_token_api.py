"""/v1/personal-tokens: made, listed and revoked by the person alone."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from monitor.access.tokens import issue_token
from monitor.lib.actors import Role
from monitor.models import AuditEntry, IdempotentRequest, PersonalToken
from tests.factories import a_client, a_key, a_recent_client, a_user, an_organization, post_json, rfc3339

pytestmark = pytest.mark.django_db
ADDRESS = "/v1/personal-tokens"


@pytest.fixture
def person():
    person = User.objects.create_user("ada", "ada@example.com", "correct horse battery")
    an_organization().memberships.create(user=person, role=Role.ADMIN)
    return person


def test_a_token_is_shown_once_works_and_is_revoked(person):
    browser = a_recent_client(person)
    until = timezone.now() + timedelta(days=3)

    made = post_json(browser, ADDRESS, {"name": "ci", "scopes": ["read"], "expires_at": rfc3339(until)})

    raw = made.json()["raw_token"]
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert (made.json()["scopes"], made.json()["is_active"]) == (["read"], True)
    assert PersonalToken.objects.get().expires_at == until
    assert a_client(raw).get("/v1/services").status_code == 200
    assert post_json(a_client(raw), "/v1/services", {"name": "x"}).status_code == 403
    listed = browser.get(ADDRESS)
    assert [row["name"] for row in listed.json()] == ["ci"]
    assert raw not in listed.content.decode()
    assert browser.delete(f"{ADDRESS}/{made.json()['id']}").status_code == 204
    assert a_client(raw).get("/v1/services").status_code == 401
    assert [row["is_active"] for row in browser.get(ADDRESS).json()] == [False]


def test_who_signed_in_long_ago_confirms_first(person):
    late = post_json(a_recent_client(person, ago_s=86_400), ADDRESS, {"name": "ci"})

    assert (late.status_code, late.json()["code"]) == (403, "sign_in_again")
    assert not PersonalToken.objects.exists()


def test_neither_keys_nor_tokens_make_or_see_tokens(person):
    _, raw = issue_token(user_id=person.id, name="laptop", scopes=["read", "manage"], expires_at=None)
    _, key = a_key(organization=person.memberships.get().organization, scopes=["read", "manage"])

    for client in (a_client(raw), a_client(key)):
        assert client.get(ADDRESS).status_code == 403
        assert post_json(client, ADDRESS, {"name": "more"}).status_code == 403
    assert PersonalToken.objects.count() == 1


def test_tokens_of_others_are_not_there(person):
    token, _ = issue_token(user_id=person.id, name="laptop", scopes=["read"], expires_at=None)
    other = a_recent_client(a_user(an_organization(), Role.OWNER))

    assert other.get(ADDRESS).json() == []
    assert other.delete(f"{ADDRESS}/{token.id}").status_code == 404
    assert PersonalToken.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["ingest"]},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_is_refused(person, wrong):
    assert post_json(a_recent_client(person), ADDRESS, wrong).status_code == 400
    assert not PersonalToken.objects.exists()


def test_the_text_is_in_no_kept_answer_and_in_no_audit_entry(person):
    made = a_recent_client(person).post(
        ADDRESS, {"name": "ci"}, content_type="application/json", headers={"Idempotency-Key": "once-1"}
    )

    raw = made.json()["raw_token"]
    assert IdempotentRequest.objects.count() == 1
    assert all(raw not in str(row) for row in IdempotentRequest.objects.values())
    assert AuditEntry.objects.filter(target_type="personal_token").exists()
    assert all(raw not in str(row) for row in AuditEntry.objects.values())


def test_the_list_costs_the_same_with_one_and_with_nine(person, django_assert_max_num_queries):
    for number in range(9):
        issue_token(user_id=person.id, name=str(number), scopes=["read"], expires_at=None)
    browser = a_recent_client(person)

    # session, user, memberships, tokens; what the limits of the organization are.
    with django_assert_max_num_queries(6):
        assert len(browser.get(ADDRESS).json()) == 9
