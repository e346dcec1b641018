"""What a page told before: month by month, for as long as it is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitor.status.cache import CACHE
from monitor.status.register import hashed, open_incident, say
from tests.factories import an_organization
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db
MARCH, MAY = datetime(2026, 3, 31, 23, 59, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def page():
    return a_page(an_organization())


@pytest.fixture
def reader():
    return Client()


def an_incident(page, title, began):
    made = open_incident(page, title=title, impact="minor", status="investigating", body="Hm.", now=began)
    say(made, status="resolved", body=f"{title} is *over*.", now=began + timedelta(hours=1))
    return made


def test_months_lead_to_each_other_past_those_without_an_incident(page, reader):
    an_incident(page, "Of May", MAY)
    an_incident(page, "Of March", MARCH)
    assert 'href="/status/shop/history"' in reader.get("/status/shop").content.decode()

    newest = reader.get("/status/shop/history").content.decode()
    before = reader.get("/status/shop/history/2026-03").content.decode()

    assert "Of May is <em>over</em>." in newest
    assert "Of March" not in newest
    assert 'href="/status/shop/history/2026-03">March 2026<' in newest
    assert "Of March is <em>over</em>." in before
    assert 'href="/status/shop/history/2026-05">May 2026<' in before
    assert "<script" not in newest


@pytest.mark.parametrize("month", ["2026-04", "2026-13", "0000-01", "9999-12", "2026-3", "2026-03-31", "x"])
def test_a_month_of_which_nothing_was_told_has_no_page_and_is_kept_nowhere(page, reader, month):
    an_incident(page, "Of March", MARCH)

    assert reader.get(f"/status/shop/history/{month}").status_code == 404
    assert CACHE.fresh(("testserver", f"/status/shop/history/{month}")) is None


def test_before_anything_was_told_the_history_says_so(page, reader):
    assert "Nothing was told yet." in reader.get("/status/shop/history").content.decode()


def test_a_month_is_made_once_and_costs_the_same_with_many(page, reader, django_assert_num_queries):
    for number in range(12):
        an_incident(page, f"incident {number}", MARCH - timedelta(hours=number))
    with django_assert_num_queries(5):
        # The page, its incidents of the month, their updates, and the neighbours on both sides.
        assert reader.get("/status/shop/history/2026-03").status_code == 200
    with django_assert_num_queries(0):
        reader.get("/status/shop/history/2026-03")


def test_behind_a_password_the_history_leads_to_the_question(reader):
    page = a_page(an_organization(), password=hashed("hush"))
    an_incident(page, "Of March", MARCH)

    refused = reader.get("/status/shop/history/2026-03")
    reader.post("/status/shop", {"password": "hush"})

    assert (refused.status_code, refused["Location"]) == (302, "/status/shop")
    shown = reader.get("/status/shop/history/2026-03")
    assert "Of March" in shown.content.decode()
    assert shown["Cache-Control"] == "private, no-store"


def test_a_domain_of_a_page_has_its_history_too(reader, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    page = a_page(an_organization(), domain="status.shop.example")
    an_incident(page, "Of March", MARCH)

    shown = Client(headers={"host": "status.shop.example"}).get("/history/2026-03")

    assert "Of March" in shown.content.decode()
    assert 'href="/"' in shown.content.decode()


def test_clients_of_statuspage_are_given_the_newest_fifty_incidents(page, reader):
    for number in range(52):
        an_incident(page, f"incident {number}", MARCH - timedelta(days=number))
    old = open_incident(
        page,
        title="open for long",
        impact="minor",
        status="identified",
        body="x",
        now=MARCH - timedelta(days=99),
    )

    told = reader.get("/status/shop/api/v2/incidents.json").json()["incidents"]

    assert [each["name"] for each in told] == [
        *(f"incident {number}" for number in range(49)),
        "open for long",
    ]
    assert [each["id"] for each in reader.get("/status/shop/api/v2/summary.json").json()["incidents"]] == [
        str(old.id)
    ]
    # The page shows the last days alone.
    an_incident(page, "of today", timezone.now() - timedelta(hours=2))
    CACHE.clear()
    shown = reader.get("/status/shop").content.decode()
    assert "of today" in shown
    assert "incident 0" not in shown
