"""Signing in, and being told no on a page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

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
