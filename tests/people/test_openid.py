"""Signing in with OpenID Connect, at a real provider on loopback."""

import socket
import subprocess
import sys
import time

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.models import AuditEntry
from monitor.people.invitations import invite
from tests.factories import a_user, an_organization

pytestmark = pytest.mark.django_db
START_SECONDS = 30

PEOPLE = {
    "1": {"email": "grace@acme.example", "email_verified": True, "preferred_username": "grace"},
    "2": {"email": "mallory@acme.example", "email_verified": False, "preferred_username": "mallory"},
    "3": {"preferred_username": "nobody"},
    "4": {"email": "eve@notacme.example", "email_verified": True, "preferred_username": "../eve"},
}


@pytest.fixture(scope="module")
def issuer():
    """A process of its own: warnings in it are its own matter."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address, process)
        for sub, claims in PEOPLE.items():
            httpx.put(f"{address}/users/{sub}", json=claims, timeout=60).raise_for_status()
        yield address
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def wait_for(address, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{address}/.well-known/openid-configuration")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The provider did not start.")


@pytest.fixture(autouse=True)
def _with_provider(settings, issuer):
    settings.OIDC_ISSUER = issuer
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "monitor", "provider-secret"
    settings.OIDC_NAME = "Acme ID"


@pytest.fixture
def organization():
    return an_organization("Acme")


def sign_in(sub, client=None, then="/"):
    """The answer that ends a sign-in of this person, and the browser."""
    client = client or Client()
    away = client.get(f"/login/oidc/sso?process=login&next={then}")
    back = httpx.post(away.headers["Location"], data={"sub": sub}, timeout=60)
    assert back.headers["Location"].startswith("http://testserver/login/oidc/sso/callback?")
    return client.get(back.headers["Location"].removeprefix("http://testserver")), client


def an_invitation(organization, email="grace@acme.example", role=Role.MEMBER):
    return invite(organization=organization, email=email, role=role, invited_by_id=None, now=timezone.now())[
        0
    ]


def test_the_sign_in_page_offers_the_provider_where_one_is_set(settings):
    assert "Sign in with Acme ID" in Client().get("/login").content.decode()

    settings.OIDC_ISSUER = ""
    assert "Acme ID" not in Client().get("/login").content.decode()
    assert Client().get("/login/oidc/sso").status_code == 404


def test_somebody_invited_comes_in_with_the_role_of_the_invitation(organization):
    invitation = an_invitation(organization)

    answer, client = sign_in("1", then="/metrics-ui")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/metrics-ui")
    person = User.objects.get(email="grace@acme.example")
    assert person.memberships.get().role == Role.MEMBER
    assert not person.has_usable_password()
    assert EmailAddress.objects.get(user=person).verified
    invitation.refresh_from_db()
    assert invitation.accepted_by == person
    assert client.get("/metrics-ui").status_code == 200


def test_a_home_that_is_not_there_is_said_and_no_account_is_made(settings, caplog):
    settings.OIDC_DOMAINS, settings.OIDC_ORGANIZATION = ["acme.example"], "Gone"

    answer, _ = sign_in("1")

    assert answer.status_code == 503
    assert "OIDC_ORGANIZATION must name one that is" in answer.content.decode()
    assert "no organization 'Gone'" in caplog.text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("sub", "words"),
    [
        ("1", "Nobody has invited this address"),
        ("2", "has not confirmed your email address"),
        ("3", "has not confirmed your email address"),
        ("4", "Nobody has invited this address"),
    ],
)
def test_others_are_told_why_they_are_not_let_in(organization, settings, sub, words):
    # Neither the unconfirmed address nor a domain that merely ends alike is of the domain that is let in.
    settings.OIDC_DOMAINS = [] if sub == "1" else ["acme.example"]
    if sub == "2":
        an_invitation(organization, "mallory@acme.example")

    answer, client = sign_in(sub)

    assert answer.status_code == 403
    assert words in answer.content.decode()
    assert not User.objects.exists()
    assert client.get("/").status_code == 302


def test_a_domain_is_let_in_where_the_settings_say(organization, settings):
    settings.OIDC_DOMAINS = ["ACME.example"]
    settings.OIDC_ORGANIZATION, settings.OIDC_ROLE = "Acme", "viewer"

    sign_in("1")

    membership = User.objects.get(username="grace").memberships.get()
    assert (membership.organization, membership.role) == (organization, "viewer")


def test_who_was_taken_out_does_not_come_back_by_the_domain(organization, settings):
    settings.OIDC_DOMAINS, settings.OIDC_ORGANIZATION = ["acme.example"], "Acme"
    sign_in("1")
    User.objects.get(username="grace").memberships.all().delete()

    sign_in("1")

    assert not User.objects.get(username="grace").memberships.exists()


def test_an_account_with_the_confirmed_address_is_the_same_person(organization):
    person = a_user(organization, Role.OWNER, email="grace@acme.example")
    EmailAddress.objects.create(user=person, email="Grace@acme.example", verified=True, primary=True)

    for _ in range(2):
        sign_in("1")

    assert User.objects.get() == person
    assert SocialAccount.objects.get().user == person


def test_an_address_that_somebody_merely_noted_gives_them_nobodys_sign_in(organization):
    """Who adds another's address to the own account must not be given that person's sign-in."""
    attacker = a_user(organization, email="grace@acme.example")
    EmailAddress.objects.create(user=attacker, email="grace@acme.example", verified=False, primary=True)
    an_invitation(an_organization())

    answer, _ = sign_in("1")

    assert answer.status_code == 403
    assert "sign in, and confirm it" in answer.content.decode()
    assert not SocialAccount.objects.exists()


def test_a_name_that_is_taken_gets_another(organization):
    a_user().__class__.objects.filter(username__startswith="user").update(username="grace")
    an_invitation(organization)

    sign_in("1")

    assert User.objects.exclude(username="grace").get(email="grace@acme.example").username.startswith("grace")


def test_an_answer_that_nobody_asked_for_signs_nobody_in(organization):
    an_invitation(organization)
    away = Client().get("/login/oidc/sso?process=login")
    back = httpx.post(away.headers["Location"], data={"sub": "1"}, timeout=60)

    answer = Client().get(back.headers["Location"].removeprefix("http://testserver"))

    assert "did not work" in answer.content.decode()
    assert not User.objects.exists()


def test_who_says_no_at_the_provider_is_led_back_to_the_sign_in(organization):
    client = Client()
    away = client.get("/login/oidc/sso?process=login")
    back = httpx.post(away.headers["Location"], data={"action": "deny"}, timeout=60)

    answer = client.get(back.headers["Location"].removeprefix("http://testserver"))

    assert "did not" in answer.content.decode()
    assert "/login" in answer.content.decode()
    assert not User.objects.exists()


def test_a_provider_that_is_away_is_an_answer_and_no_crash(settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:9"

    answer = Client().get("/login/oidc/sso?process=login")

    assert answer.status_code == 502
    assert "did not work" in answer.content.decode()


def test_neither_the_clients_secret_nor_tokens_are_kept(organization):
    an_invitation(organization)

    sign_in("1")

    assert not SocialApp.objects.exists()
    assert not SocialToken.objects.exists()


def test_no_link_joins_another_sign_in_to_an_account(organization):
    """Who is led there with a session of another at the provider would let that one in for ever."""
    client = Client()
    client.force_login(a_user(organization))

    assert client.get("/login/oidc/sso?process=connect").status_code == 404
    assert client.post("/login/oidc/sso", {"process": "connect"}).status_code == 404


def test_who_comes_in_by_the_provider_is_in_the_audit_log(organization):
    an_invitation(organization)

    sign_in("1")

    done = AuditEntry.objects.filter(organization_id=organization.id, face="page").values_list(
        "action", flat=True
    )
    assert set(done) >= {"member.created", "invitation.updated"}
