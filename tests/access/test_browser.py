"""Signing in with a second factor, in a browser: the code of an app, and a passkey of a virtual device."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import expect

from monitor.lib.actors import Role
from tests.access.test_second_factor import code_of
from tests.browser import browser_page
from tests.factories import an_organization

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery"


@pytest.fixture
def address(live_server, settings, monkeypatch):
    """By a name: a passkey belongs to a domain, and a number is none."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    return live_server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def person():
    person = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    an_organization("Acme").memberships.create(user=person, role=Role.OWNER)
    return person


@pytest.fixture(params=[1200, 360], ids=["wide", "phone"])
def page(request):
    with browser_page(viewport={"width": request.param, "height": 800}) as page:
        yield page
        # Made beside the browser's loop, they are out of sight once it ends, and keep the database in use.
        connections.close_all()


def type_password(page, address, then="/account"):
    page.goto(f"{address}/login?next={then}")
    page.get_by_label("Username or email").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page, address):
    page.context.clear_cookies()
    page.goto(f"{address}/login")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_app_is_added_and_its_code_signs_in(page, address, person):
    type_password(page, address)
    expect(page).to_have_url(re.compile("/account$"))
    assert fits(page)
    page.get_by_role("link", name="add one").click()
    page.get_by_role("link", name="Add an app").click()
    secret = page.locator("#totp-secret").inner_text()
    expect(page.get_by_alt_text("The secret as a QR code")).to_be_visible()
    assert fits(page)
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_text("10 of 10 are left")).to_be_visible()
    assert fits(page)

    sign_out(page, address)
    type_password(page, address, then="/people")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code").fill(code_of(secret, step=1))
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page).to_have_url(re.compile("/people$"))
    assert fits(page)


def virtual_device(page):
    """A device with a fingerprint reader, which always says yes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def add_passkey(page, address, *, alone):
    type_password(page, address, then="/account/second-factor/passkeys/add")
    page.get_by_label("Name").fill("laptop")
    if alone:
        page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("10 of 10 are left")).to_be_visible()


def test_a_passkey_signs_in_without_a_password(page, address, person):
    virtual_device(page)
    add_passkey(page, address, alone=True)
    assert Authenticator.objects.get(type="webauthn").wrap().is_passwordless

    sign_out(page, address)
    page.goto(f"{address}/login?next=/account/second-factor/passkeys")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("rowheader", name="laptop signs in alone")).to_be_visible()
    assert fits(page)


def test_a_passkey_is_a_second_factor_behind_the_password(page, address, person):
    virtual_device(page)
    add_passkey(page, address, alone=False)

    sign_out(page, address)
    type_password(page, address)
    page.get_by_role("button", name="Use a passkey").click()

    expect(page).to_have_url(re.compile("/account$"))


def test_a_passkey_of_nobody_here_is_refused_in_words(page, address, person):
    session, device = virtual_device(page)
    add_passkey(page, address, alone=True)
    Authenticator.objects.all().delete()

    sign_out(page, address)
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("Incorrect code")).to_be_visible()
    session.send("WebAuthn.clearCredentials", {"authenticatorId": device})


def test_a_device_that_declines_is_said_and_breaks_nothing(page, address, person):
    session, device = virtual_device(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto(f"{address}/login")

    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("The passkey was not accepted, or none was chosen.")).to_be_visible(timeout=20000)
