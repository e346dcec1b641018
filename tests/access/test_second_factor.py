"""The second factor: asked for after the password, sealed at rest, required where the settings say so."""

import json
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from django.core.management import call_command
from django.db import connection
from django.test import Client

from monitor.lib.actors import Role
from tests.factories import a_client, a_recent_client, a_user, an_organization

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_of(secret, step=0):
    """What an authenticator app shows, `step` half minutes from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


@pytest.fixture
def person():
    person = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    an_organization().memberships.create(user=person, role=Role.ADMIN)
    return person


@pytest.fixture
def with_app(person):
    TOTP.activate(person, SECRET)
    RecoveryCodes.activate(person)
    return person


def after_password():
    client = Client()
    answer = client.post("/login?next=/people", {"username": "ada", "password": PASSWORD})
    assert answer.headers["Location"].startswith("/login/second-factor")
    return client


@pytest.mark.usefixtures("with_app")
def test_the_password_alone_does_not_sign_in():
    client = after_password()

    assert client.get("/").headers["Location"].startswith("/login")
    assert client.get("/v1/services").status_code == 401


@pytest.mark.usefixtures("with_app")
def test_the_code_of_the_app_does_and_works_once():
    client, other = after_password(), after_password()
    code = code_of(SECRET)

    answer = client.post("/login/second-factor", {"code": code})
    again = other.post("/login/second-factor", {"code": code})

    assert answer.headers["Location"] == "/people"
    assert client.get("/people").status_code == 200
    assert again.status_code == 200
    assert "Incorrect code" in again.content.decode()


def test_a_recovery_code_does_and_works_once(with_app):
    code = Authenticator.objects.get(user=with_app, type="recovery_codes").wrap().generate_codes()[3]

    assert after_password().post("/login/second-factor", {"code": code}).status_code == 302
    assert after_password().post("/login/second-factor", {"code": code}).status_code == 200


@pytest.mark.usefixtures("with_app")
def test_twenty_wrong_codes_lock_the_second_step():
    client = after_password()
    for _ in range(20):
        client.post("/login/second-factor", {"code": "000000"})

    answer = client.post("/login/second-factor", {"code": code_of(SECRET)})

    assert "Too many failed attempts" in answer.content.decode()


def test_secrets_are_sealed_at_rest_and_renewed_with_the_others(with_app, settings):
    settings.SECRETS_KEYS = ["new", *settings.SECRETS_KEYS]
    codes = Authenticator.objects.get(user=with_app, type="recovery_codes").wrap().generate_codes()

    call_command("seal_secrets", verbosity=0)

    settings.SECRETS_KEYS = ["new"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
        (kept,) = cursor.fetchone()
    assert SECRET not in kept
    assert '"secret": "gAAAA' in kept
    app, seed = (Authenticator.objects.get(user=with_app, type=each) for each in ("totp", "recovery_codes"))
    assert app.wrap().validate_code(code_of(SECRET))
    assert seed.wrap().generate_codes() == codes


def test_an_app_is_added_with_recovery_codes_and_a_mail_to_its_owner(person, mailoutbox):
    client = a_recent_client(person)
    secret = client.get("/account/second-factor/app").context["form"].secret

    answer = client.post("/account/second-factor/app", {"code": code_of(secret)}, follow=True)

    assert answer.redirect_chain[-1][0] == "/account/second-factor/codes"
    assert answer.context["can_view_codes"]
    assert len(answer.context["unused_codes"]) == 10


def test_the_secret_of_an_app_that_is_being_added_waits_in_the_session_sealed(person):
    client = a_recent_client(person)
    secret = client.get("/account/second-factor/app").context["form"].secret

    kept = Session.objects.get(session_key=client.session.session_key).session_data
    plain = signing.loads(kept, salt="django.contrib.sessions.SessionStore", serializer=JSONSerializer)

    assert secret not in json.dumps(plain)
    assert list(plain["mfa.totp.secret"]) == ["sealed"]
    assert client.session["mfa.totp.secret"] == secret


def test_who_signed_in_long_ago_confirms_first_and_goes_on(person):
    client = a_recent_client(person, ago_s=3600)

    asked = client.get("/account/second-factor/app")
    confirmed = client.post(asked.headers["Location"], {"password": PASSWORD})

    assert asked.headers["Location"].startswith("/account/confirm?")
    assert confirmed.headers["Location"] == "/account/second-factor/app"
    assert client.get("/account/second-factor/app").status_code == 200


def test_a_confirmation_takes_the_right_password(person):
    client = a_recent_client(person, ago_s=3600)

    answer = client.post("/account/confirm?next=/account/second-factor/app", {"password": "wrong"})

    assert answer.status_code == 200
    assert client.get("/account/second-factor/app").status_code == 302


@pytest.mark.parametrize(
    ("setting", "kind", "page", "admin"),
    [
        ("optional", "staff", True, True),
        ("admin", "staff", True, False),
        ("admin", "member", True, False),
        ("staff", "staff", False, False),
        ("staff", "member", True, False),
        ("everyone", "member", False, False),
    ],
)
def test_a_second_factor_is_required_where_the_settings_say_so(settings, setting, kind, page, admin):
    settings.SECOND_FACTOR = setting
    user = a_user(an_organization(), Role.ADMIN, is_staff=kind == "staff", is_superuser=kind == "staff")

    without, with_one = a_recent_client(user), a_recent_client(user, "password", "mfa")

    assert (without.get("/").status_code == 200) is page
    assert (without.get("/v1/services").status_code == 200) is page
    assert (without.get("/admin/").status_code == 200) is admin
    assert with_one.get("/").status_code == 200
    assert with_one.get("/v1/services").status_code == 200
    assert (with_one.get("/admin/").status_code == 200) is (kind == "staff")


def test_who_needs_a_second_factor_is_led_to_where_it_is_added(settings):
    settings.SECOND_FACTOR = "staff"
    client = a_recent_client(a_user(an_organization(), Role.ADMIN, is_staff=True))

    page = client.get("/", follow=True)
    admin = client.get("/admin/", follow=True)
    api = client.get("/v1/services")

    for answer in (page, admin):
        assert answer.redirect_chain[-1][0] == "/account/second-factor"
        assert "asks for a second factor" in answer.content.decode()
    assert (api.status_code, api.json()["code"]) == (403, "second_factor_missing")


@pytest.mark.django_db(transaction=True)
def test_adding_one_counts_as_having_shown_it(settings, person):
    settings.SECOND_FACTOR = "everyone"
    client = a_recent_client(person)
    secret = client.get("/account/second-factor/app").context["form"].secret

    client.post("/account/second-factor/app", {"code": code_of(secret)})

    assert client.get("/").status_code == 200


def test_the_last_one_stays_where_one_is_required(settings, with_app):
    settings.SECOND_FACTOR = "everyone"
    client = a_recent_client(with_app, "password", "mfa")

    client.post("/account/second-factor/app/remove")

    assert Authenticator.objects.filter(user=with_app, type="totp").exists()


def test_an_operator_takes_a_lost_one_away(with_app):
    operator = a_recent_client(a_user(is_staff=True, is_superuser=True))
    chosen = {"action": "remove_second_factors", "_selected_action": [with_app.pk], "index": 0}

    operator.post("/admin/auth/user/", chosen)

    assert not Authenticator.objects.filter(user=with_app).exists()


def test_nobody_sees_or_edits_secrets_in_the_admin():
    operator = a_client(user=a_user(is_staff=True, is_superuser=True))

    assert operator.get("/admin/mfa/authenticator/").status_code == 404
