"""Signing in, and being told no on a page."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from apimonitor import env
from monitor.lib.actors import Role
from tests.factories import a_client, a_service, a_user, an_organization

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}


@pytest.fixture
def person():
    person = User.objects.create_user("ada", password="correct horse battery")
    an_organization().memberships.create(user=person, role=Role.VIEWER)
    return person


def test_a_stranger_is_asked_to_sign_in_and_comes_back_to_the_page(person):
    client = Client()
    asked = client.get("/alerts-ui?service_id=1")
    page = client.get(asked.headers["Location"])

    answer = client.post(
        asked.headers["Location"],
        {"username": "ada", "password": "correct horse battery", "next": "/alerts-ui?service_id=1"},
    )

    assert 'name="next" value="/alerts-ui?service_id=1"' in page.content.decode()
    assert answer.headers["Location"] == "/alerts-ui?service_id=1"


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_wrong_password_and_an_unknown_name_read_the_same(person, name):
    answer = Client().post("/login", {"username": name, "password": "wrong"})

    page = answer.content.decode()
    assert "Please enter a correct username and password." in page
    assert "ANONYMOUS_ACCESS" not in page
    assert "wrong" not in page


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(person, target):
    fields = {"username": "ada", "password": "correct horse battery", "next": target}

    assert Client().post("/login", fields).headers["Location"] == "/"


def test_a_name_that_brings_markup_is_shown_as_text():
    answer = Client().post("/login", {"username": "<script>alert(1)</script>", "password": "x"})

    assert "<script>alert" not in answer.content.decode()


def test_signing_in_needs_the_forms_token(person):
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/login", {"username": "ada", "password": "correct horse battery"}, headers=HTML)

    assert answer.status_code == 403
    assert "Reload the page" in answer.content.decode()


def test_somebody_without_an_organization_is_told_so_instead_of_asked_again():
    page = a_client(user=a_user()).get("/", follow=True).content.decode()

    assert "no organization has you as a member" in page
    assert "Sign out" in page


def test_the_sign_in_page_has_no_script_or_style_of_its_own():
    page = Client().get("/login").content.decode()

    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=')


@pytest.mark.parametrize("address", ["/nowhere", "/services/018f0000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_a_page_for_people_with_the_request_id(person, address):
    answer = a_client(user=person).get(address, headers=HTML)

    page = answer.content.decode()
    assert answer.status_code == 404
    assert answer.headers["X-Request-Id"] in page
    assert "Not found" in page


def test_somebody_signs_in_with_the_address_as_well(person):
    person.email = "ada@example.com"
    person.save()
    EmailAddress.objects.create(user=person, email="ada@example.com", verified=True, primary=True)

    answer = Client().post("/login", {"username": "Ada@example.com", "password": "correct horse battery"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_nobody_makes_an_account_of_their_own():
    assert Client().get("/signup").status_code == 404
    assert "Sign up" not in Client().get("/login").content.decode()


def fail(times, name="ada", address="203.0.113.9"):
    client = Client(REMOTE_ADDR=address)
    for _ in range(times):
        answer = client.post("/login", {"username": name, "password": "wrong"})
    return answer


def enter(address="203.0.113.9"):
    fields = {"username": "ada", "password": "correct horse battery"}
    return Client(REMOTE_ADDR=address).post("/login", fields)


def test_twenty_wrong_passwords_lock_the_account_for_everybody(person):
    assert "Too many" not in fail(20).content.decode()

    locked = enter(address="198.51.100.7")

    assert locked.status_code == 200
    assert "Too many failed attempts" in locked.content.decode()


@pytest.mark.parametrize("other", ["ada", "ADA", "ada@shop.example", "Ada@Shop.Example"])
def test_the_tries_of_an_account_are_counted_together_by_whichever_name(person, other):
    person.email = "ada@shop.example"
    person.save()
    EmailAddress.objects.create(user=person, email=person.email, verified=True)
    for number in range(20):
        fail(1, name=("ada", "ada@shop.example")[number % 2])

    fields = {"username": other, "password": "correct horse battery"}
    answer = Client(REMOTE_ADDR="198.51.100.7").post("/login", fields)

    assert "Too many failed attempts" in answer.content.decode()


def test_the_lock_of_an_account_is_one_whatever_host_is_asked_for(person):
    """The header is the caller's: each port in it would be twenty tries more."""
    fail(20)

    asked = Client(headers={"Host": "localhost:4711"}).post(
        "/login", {"username": "ada", "password": "correct horse battery"}, REMOTE_ADDR="198.51.100.7"
    )

    assert "Too many failed attempts" in asked.content.decode()


def test_an_address_that_tries_many_names_is_locked(person):
    for number in range(20):
        fail(1, name=f"name {number}")

    assert "Too many failed attempts" in enter().content.decode()
    assert enter(address="198.51.100.7").status_code == 302


def test_the_lock_opens_when_the_minute_is_over(person, monkeypatch):
    fail(20)
    now = time.time()
    monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda: now + 61)

    assert enter().status_code == 302


def test_signing_in_uses_up_no_try_and_forgives_none(person):
    for _ in range(3):
        fail(6)
        assert enter().status_code == 302

    fail(2)
    assert "Too many" in enter().content.decode()


def test_the_tries_are_counted_in_the_database_for_all_processes(person):
    fail(1)

    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM shared_cache")
        keys = [key for (key,) in cursor.fetchall()]
    # One for the address, one for the account.
    assert len([key for key in keys if "login_failed" in key]) == 2
    assert not any("ada" in key for key in keys)


def test_what_others_remember_stays_in_memory(django_assert_num_queries):
    with django_assert_num_queries(0):
        cache.set("of-a-page", 1)
        assert cache.get("of-a-page") == 1
        assert cache.delete("of-a-page")


def test_the_admins_own_sign_in_leads_to_the_one_page(person):
    answer = Client().get("/admin/login/?next=/admin/auth/user/")

    assert answer.headers["Location"] == "/login?next=/admin/auth/user/"
    assert Client().post("/admin/login/", {"username": "ada", "password": "x"}).status_code == 302


def test_someone_without_staff_status_is_refused_by_the_admin_and_not_sent_in_circles(person):
    answer = a_client(user=person).get("/admin/", follow=True, headers=HTML)

    assert answer.status_code == 403


@pytest.fixture
def known(person, settings):
    """The person with an address that is confirmed, where mail is sent."""
    settings.SENDS_MAIL = True
    settings.PUBLIC_URL = "https://monitor.example"
    person.email = "ada@example.com"
    person.save()
    EmailAddress.objects.create(user=person, email="ada@example.com", verified=True, primary=True)
    return person


def test_a_forgotten_password_is_reset_by_a_link_that_works_once(known, mailoutbox):
    client = Client()
    asked = client.post("/password/reset", {"email": "ada@example.com"})
    (mail,) = mailoutbox
    link = re.search(r"https://monitor\.example(/password/reset/\S+)", mail.body)[1]

    form = client.get(link, follow=True)
    new = {"password1": "another fine battery", "password2": "another fine battery"}
    done = client.post(form.redirect_chain[-1][0], new)
    again = Client().get(link, follow=True)

    assert asked.headers["Location"] == "/password/reset/sent"
    assert (mail.to, mail.subject) == (["ada@example.com"], "API Monitor: choose a new password")
    assert done.headers["Location"] == "/password/reset/done"
    known.refresh_from_db()
    assert known.check_password("another fine battery")
    assert "invalid" in again.content.decode()


def test_asking_for_an_unknown_address_reads_the_same_and_mails_nobody(known, mailoutbox):
    answers = [Client().post("/password/reset", {"email": f"{name}@example.com"}) for name in ("ada", "eve")]

    assert len({(answer.status_code, answer.headers["Location"]) for answer in answers}) == 1
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]


def test_links_in_mails_are_no_matter_of_the_host_header(known, mailoutbox, settings):
    settings.ALLOWED_HOSTS = ["*"]

    Client(HTTP_HOST="evil.example").post("/password/reset", {"email": "ada@example.com"})

    assert "evil.example" not in mailoutbox[0].body


def test_links_out_of_mails_are_not_written_to_the_log(known, mailoutbox, caplog):
    caplog.set_level("INFO", "monitor.access")
    Client().post("/password/reset", {"email": "ada@example.com"})
    link = re.search(r"/password/reset/\S+", mailoutbox[0].body)[0]

    Client().get(link)
    Client().get("/invitation/abcdefghijklmnopqrstuvwxyz")

    assert link not in caplog.text
    assert "GET /password/reset/…" in caplog.text
    assert "GET /invitation/…" in caplog.text


def test_without_mail_no_reset_is_offered():
    assert "Forgot" not in Client().get("/login").content.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", env.MailServer()),
        (
            "smtp+starttls://jo:p%40ss@mail.example",
            env.MailServer(host="mail.example", port=587, user="jo", password="p@ss", starttls=True),
        ),
        ("smtps://mail.example", env.MailServer(host="mail.example", port=465, tls=True)),
        ("smtp://localhost:1025", env.MailServer(host="localhost", port=1025)),
    ],
)
def test_a_mail_server_is_one_address(monkeypatch, text, expected):
    monkeypatch.setenv("EMAIL_URL", text)

    assert env.mail_server("EMAIL_URL") == expected


@pytest.mark.parametrize("text", ["mail.example", "https://mail.example", "smtp://", "smtp://x:y"])
def test_a_mail_server_that_cannot_be_read_is_named_and_its_password_is_not(monkeypatch, text):
    monkeypatch.setenv("EMAIL_URL", text)

    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        env.mail_server("EMAIL_URL")


def test_what_is_not_there_is_a_problem_for_programs(person):
    answer = a_client(user=person).get("/nowhere", headers={"Accept": "application/json"})

    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_address_that_is_not_there_cannot_bring_markup(person):
    answer = a_client(user=person).get("/<script>alert(1)</script>", headers=HTML)

    assert "<script>alert" not in answer.content.decode()


def test_what_a_role_does_not_allow_is_said_in_words_of_people(person):
    service = a_service(person.memberships.get().organization)

    answer = a_client(user=person).post(f"/services/{service.id}/settings", headers=HTML)

    page = answer.content.decode()
    assert answer.status_code == 403
    assert "your role does not allow" in page
    assert "Ask an administrator" in page
