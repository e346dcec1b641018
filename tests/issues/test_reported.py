"""Errors that clients counted by themselves, on pages and by API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.ingest.entry import Sender
from monitor.ingest.reports import ErrorGroup, Report, keep_report
from monitor.lib.actors import Role
from monitor.models import Endpoint
from tests.factories import a_client, a_key, a_service, a_user, an_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def member(organization):
    return a_client(user=a_user(organization, Role.MEMBER))


def report(service, message, *, ago=timedelta(), mode="live", name="", **fields):
    now = timezone.now() - ago
    said = {"kind": "server", "method": "GET", "route": "/orders", "type": "builtins.ValueError", "count": 1}
    error = ErrorGroup(**{**said, **fields}, message=message)
    sender = Sender.of(a_key(service, mode=mode)[0])
    told = Report(message_id=name or f"{message} {now}", environment="prod", told_at=now, errors=[error])
    assert keep_report(told, sender, now=now)


def endpoint():
    return Endpoint.objects.get(route="/orders")


def page_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_errors_of_clients_are_summed_over_days_and_consumers(member, service):
    report(service, "no stock", ago=timedelta(days=2), count=3, consumer="acme")
    report(service, "no stock", ago=timedelta(days=1), count=4, consumer="globex")
    report(service, "no stock", ago=timedelta(days=1), count=2, consumer="globex")
    report(service, "too old", ago=timedelta(days=32))

    (error,) = member.get(f"/v1/endpoints/{endpoint().id}").json()["reported_errors"]

    assert (error["count"], error["consumers"]) == (9, 2)
    assert (error["kind"], error["type"], error["message"]) == ("server", "ValueError", "no stock")
    assert error["first_seen_at"] < error["last_seen_at"]


@pytest.mark.parametrize("address", ["/endpoints/{}", "/issues?endpoint_id={}", "/issues"])
def test_pages_show_what_clients_report_and_call_it_so(member, service, address):
    report(service, "Field required", kind="validation", type="missing", field="body.price", count=41)

    page = page_of(member, address.format(endpoint().id))

    assert "Reported by clients" in page
    for words in ("body.price", "Field required", "missing", "Validation error", ">41<"):
        assert words in page, words


def test_nothing_reported_is_no_section(member, service):
    assert "Reported by clients" not in page_of(member, "/issues")


def test_what_the_page_of_issues_asks_for_narrows_reports_too(member, service):
    report(service, "no stock")
    report(service, "no price", kind="validation")
    report(service, "no luck", mode="test", route="/luck")

    def shown(query):
        page = page_of(member, f"/issues?{query}")
        return [words for words in ("no stock", "no price", "no luck") if words in page]

    assert shown("kind=validation") == ["no price"]
    assert shown("text=STOCK") == ["no stock"]
    assert shown("mode=test") == ["no luck"]
    assert shown("show=resolved") == []


def test_reports_of_another_organization_are_nobodys_to_see(service):
    report(service, "no stock")
    stranger = a_client(user=a_user(an_organization(), Role.OWNER))

    assert "no stock" not in page_of(stranger, "/issues")
    assert "no stock" not in page_of(stranger, f"/issues?endpoint_id={endpoint().id}")
    assert stranger.get(f"/endpoints/{endpoint().id}").status_code == 404
    assert stranger.get(f"/v1/endpoints/{endpoint().id}").status_code == 404


def test_a_page_of_reports_costs_the_same_however_many(member, service, django_assert_num_queries):
    report(service, "first")
    page_of(member, "/issues")
    for number in range(5):
        report(service, f"error {number}", route=f"/{number}")

    # Who asks and where they belong; the places of issues, of which there are none; the services; the reports
    # and their endpoints.
    with django_assert_num_queries(7):
        page_of(member, "/issues")
