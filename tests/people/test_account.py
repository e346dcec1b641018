"""A person's own page: tokens, sessions, and being asked again who is there."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.access.tokens import issue_token, revoke_token
from monitor.lib.actors import Role
from monitor.lib.apikeys import KEY_PATTERN, looks_valid
from monitor.lib.masking import mask_text
from monitor.models import AuditEntry, PersonalToken, WebhookEndpoint
from tests.factories import a_client, a_recent_client, a_service, a_user, an_organization, post_json

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
READ = ["read"]
ALL = ["read", "replay", "manage"]


@pytest.fixture
def person():
    person = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    an_organization().memberships.create(user=person, role=Role.ADMIN)
    return person


def a_token(person, scopes=ALL, expires_at=None):
    return issue_token(user_id=person.id, name="laptop", scopes=scopes, expires_at=expires_at)


def test_a_token_is_shown_once_and_kept_as_a_fingerprint(person):
    client = a_recent_client(person)

    made = client.post("/account/tokens", {"name": "laptop", "scopes": READ, "days": "30"})

    raw = made.context["raw_token"]
    assert made.status_code == 201
    assert raw in made.content.decode()
    assert "no-store" in made.headers["Cache-Control"]
    assert raw not in client.get("/account").content.decode()
    token = PersonalToken.objects.get()
    assert raw not in str(token.__dict__)
    assert 29 <= (token.expires_at - timezone.now()).days <= 30
    assert a_client(raw).get("/v1/services").status_code == 200


def test_a_token_looks_like_what_scanners_and_masks_know(person):
    _, raw = a_token(person)

    assert raw.startswith("mpat_")
    assert looks_valid(raw)
    assert not looks_valid(raw[:-1] + ("0" if raw[-1] != "0" else "1"))
    assert KEY_PATTERN.search(raw)
    assert raw not in mask_text(f"refused {raw} at the door")


@pytest.mark.parametrize(
    ("role", "scopes", "reads", "registers"),
    [
        (Role.ADMIN, ALL, 200, 201),
        (Role.ADMIN, READ, 200, 403),
        (Role.VIEWER, ALL, 200, 403),
        (Role.ADMIN, ["replay"], 403, 403),
    ],
)
def test_a_token_does_what_both_its_scopes_and_the_role_allow(role, scopes, reads, registers):
    _, raw = a_token(a_user(an_organization(), role), scopes)

    assert a_client(raw).get("/v1/services").status_code == reads
    assert post_json(a_client(raw), "/v1/services", {"name": "another"}).status_code == registers


def test_a_token_follows_its_person_into_another_role_and_out(person):
    _, raw = a_token(person)
    membership = person.memberships.get()
    service = a_service(membership.organization)

    membership.role = Role.VIEWER
    membership.save()
    assert a_client(raw).delete(f"/v1/services/{service.id}").status_code == 403
    membership.delete()
    assert a_client(raw).get(f"/v1/services/{service.id}").status_code == 403
    person.is_active = False
    person.save()
    assert a_client(raw).get("/v1/services").status_code == 401


def test_a_token_reaches_no_other_organization(person):
    _, raw = a_token(person)

    assert a_client(raw).get(f"/v1/services/{a_service().id}").status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda token: revoke_token(token, now=timezone.now()), "key_revoked"),
        (
            lambda token: PersonalToken.objects.filter(id=token.id).update(expires_at=timezone.now()),
            "key_expired",
        ),
        (lambda token: token.delete(), "key_invalid"),
    ],
    ids=["revoked", "expired", "unknown"],
)
def test_a_token_that_is_over_opens_nothing(person, change, code):
    token, raw = a_token(person)

    change(token)
    answer = a_client(raw).get("/v1/services")

    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_token_sends_no_logs(person):
    _, raw = a_token(person)

    assert post_json(a_client(raw), "/v1/logs", {}).status_code == 403


def test_the_use_of_a_token_is_noted_once_a_minute(person):
    token, raw = a_token(person)

    a_client(raw).get("/v1/services")
    token.refresh_from_db()
    first = token.last_used_at
    a_client(raw).get("/v1/services")
    token.refresh_from_db()

    assert first is not None
    assert token.last_used_at == first


def test_nobody_revokes_the_token_of_somebody_else(person):
    token, raw = a_token(person)
    other = a_client(user=a_user(person.memberships.get().organization, Role.OWNER))

    assert other.post(f"/account/tokens/{token.id}/revoke").status_code == 404
    assert a_client(user=person).post(f"/account/tokens/{token.id}/revoke").status_code == 302
    assert a_client(raw).get("/v1/services").status_code == 401


@pytest.mark.parametrize("path", ["/account/tokens", "/services/{service}/keys"])
def test_who_signed_in_long_ago_is_asked_again_before_a_key_is_made(person, path):
    service = a_service(person.memberships.get().organization)
    client = a_recent_client(person, ago_s=3600)
    fields = {"name": "laptop", "scopes": READ, "days": "30", "mode": "live"}

    asked = client.post(path.format(service=service.id), fields)
    assert asked.headers["Location"].startswith("/account/confirm?")
    assert not PersonalToken.objects.exists()
    assert not service.keys.exists()

    made = client.post(asked.headers["Location"], {"password": PASSWORD})
    # What was asked for is done, without asking for it again.
    assert made.status_code == 201
    assert PersonalToken.objects.exists() or service.keys.exists()


def test_a_program_is_told_to_confirm_where_a_page_would_ask(person):
    service = a_service(person.memberships.get().organization)
    body = {"name": "another", "scopes": READ}

    late = post_json(a_recent_client(person, ago_s=3600), f"/v1/services/{service.id}/keys", body)
    recent = post_json(a_recent_client(person), f"/v1/services/{service.id}/keys", body)
    by_token = post_json(a_client(a_token(person)[1]), f"/v1/services/{service.id}/keys", body)

    assert (late.status_code, late.json()["code"]) == (403, "sign_in_again")
    assert (recent.status_code, by_token.status_code) == (201, 201)


def test_the_admin_asks_again_before_a_key_is_made():
    operator = User.objects.create_superuser("root", "root@example.com", PASSWORD)
    fields = {"service": a_service().id, "name": "laptop", "scopes": READ, "mode": "live"}

    late = a_recent_client(operator, ago_s=3600).post("/admin/monitor/apikey/add/", fields)
    recent = a_recent_client(operator).post("/admin/monitor/apikey/add/", fields)

    assert late.headers["Location"].startswith("/account/confirm?")
    assert recent.status_code == 200
    assert "mkey_" in recent.content.decode()


def sign_in(agent="Firefox"):
    client = Client(HTTP_USER_AGENT=agent)
    client.post("/login", {"username": "ada", "password": PASSWORD})
    return client


def test_sessions_are_listed_and_all_others_signed_out(person):
    here, there = sign_in("Firefox"), sign_in("<script>Chromium")

    page = here.get("/account/sessions").content.decode()
    here.post("/account/sessions")

    assert page.count("this one") == 1
    assert "&lt;script&gt;Chromium" in page
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302
    assert UserSession.objects.count() == 1


def test_one_session_is_signed_out_by_itself(person):
    here, there, third = sign_in("Firefox"), sign_in("Chromium"), sign_in("Safari")
    chromium = UserSession.objects.get(user_agent="Chromium")
    firefox = UserSession.objects.get(user_agent="Firefox")

    page = here.get("/account/sessions").content.decode()
    ended = here.post(f"/account/sessions/{chromium.id}/end", follow=True)
    own = here.post(f"/account/sessions/{firefox.id}/end", follow=True)

    assert f"/account/sessions/{chromium.id}/end" in page
    assert f"/account/sessions/{firefox.id}/end" not in page
    assert "That browser is signed out." in ended.content.decode()
    assert "this browser" in own.content.decode()
    assert there.get("/account").status_code == 302
    assert [here.get("/account").status_code, third.get("/account").status_code] == [200, 200]
    entry = AuditEntry.objects.get(action="auth.session_revoked")
    assert (entry.actor_id, entry.target_id) == (str(person.id), str(person.id))


def test_nobody_ends_a_session_of_somebody_else(person):
    sign_in()
    session = UserSession.objects.get()
    other = a_client(user=a_user(an_organization(), Role.OWNER))

    assert other.post(f"/account/sessions/{session.id}/end").status_code == 404
    assert Client().post(f"/account/sessions/{session.id}/end").status_code == 302
    assert UserSession.objects.filter(id=session.id).exists()


def test_a_new_password_signs_out_all_other_sessions(person):
    here, there = sign_in(), sign_in()

    changed = here.post(
        "/account/password",
        {"oldpassword": PASSWORD, "password1": "another fine battery", "password2": "another fine battery"},
    )

    assert changed.status_code == 302
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302


def test_a_visitor_has_no_account(settings):
    settings.ANONYMOUS_ACCESS = "full"

    assert Client().get("/account").headers["Location"].startswith("/login")
    assert Client().post("/account/tokens", {"name": "x", "scopes": READ}).status_code == 302
    assert not PersonalToken.objects.exists()


def test_the_page_costs_the_same_with_one_token_and_with_nine(person):
    client = a_recent_client(person)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/account").status_code == 200
        return len(queries)

    a_token(person)
    few = cost()
    for _ in range(8):
        a_token(person)

    # session, user; the gate's and the context's memberships; tokens, second factors, sessions, address,
    # memberships with their organizations.
    assert cost() == few <= 9


def test_a_token_does_no_more_than_its_person_where_a_second_factor_is_asked_for(person, settings):
    _, raw = a_token(person)
    settings.SECOND_FACTOR = "everyone"

    without = a_client(raw).get("/v1/services")
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    with_one = a_client(raw).get("/v1/services")

    assert (without.status_code, without.json()["code"]) == (403, "second_factor_missing")
    assert with_one.status_code == 200


def test_what_waits_for_a_confirmation_is_sealed_and_done_afterwards(person):
    client = a_recent_client(person, ago_s=3600)
    hook = {"url": "https://shop.example/hook", "enabled_events": "*", "mode": "live", "signature": "v1"}

    asked = client.post("/webhooks", {**hook, "headers": "X-Pass: hunter2"})

    assert asked.headers["Location"].startswith("/account/confirm")
    kept = signing.loads(
        Session.objects.get(session_key=client.session.session_key).session_data,
        serializer=JSONSerializer,
        salt=SessionStore().key_salt,
    )
    assert "hunter2" not in str(kept)
    client.post(asked.headers["Location"], {"password": PASSWORD})
    assert WebhookEndpoint.objects.get().header_names == ["X-Pass"]
