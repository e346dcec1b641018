"""The editor of status pages as people meet it."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from monitor.models import StatusPage
from tests.factories import a_client, a_user, an_organization
from tests.monitors.scenes import a_monitor
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def browser(organization):
    return a_client(user=a_user(organization, "admin"))


def form(*monitors, **given):
    shown = {
        key: value
        for number, monitor in enumerate(monitors, start=1)
        for key, value in {
            f"group_{monitor.id}": "Core",
            f"name_{monitor.id}": f"Part {number}",
            f"order_{monitor.id}": number,
        }.items()
    }
    common = {
        "name": "Shop",
        "slug": "shop",
        "theme": "auto",
        "days": 30,
        "is_published": "on",
        "shows_uptime": "on",
        "show": [str(monitor.id) for monitor in monitors],
    }
    return {**common, **shown, **given}


def test_a_page_is_made_and_its_order_kept(browser, organization):
    first, second = a_monitor(organization, name="A"), a_monitor(organization, name="B")
    assert "Preview" in browser.get("/status-pages/new").content.decode()

    sent = browser.post("/status-pages/new", form(second, first, password="hush"))

    assert sent.status_code == 302, sent.content.decode()
    page = StatusPage.objects.get()
    entries = list(page.entries.order_by("position").values_list("monitor_id", "group", "name"))
    assert entries == [(second.id, "Core", "Part 1"), (first.id, "Core", "Part 2")]
    assert (page.has_password, page.is_indexed, page.days) == (True, False, 30)
    listed = browser.get("/status-pages").content.decode()
    assert "/status/shop" in listed
    assert "Who knows the password" in listed


def test_a_preview_shows_what_would_be_and_saves_nothing(browser, organization):
    monitor = a_monitor(organization, name="Web")
    page = a_page(organization, name="Before")
    address = f"/status-pages/{page.id}"

    whole = browser.post(address, form(monitor, name="After", description="**new**", look="1"))
    part = browser.post(f"{address}/preview", form(monitor, name="After"))

    assert whole.status_code == part.status_code == 200
    assert "<strong>new</strong>" in whole.content.decode()
    for answer in (whole, part):
        assert "Part 1" in answer.content.decode()
        assert "After" in answer.content.decode()
    page.refresh_from_db()
    assert (page.name, page.version, page.entries.count()) == ("Before", 1, 0)
    assert browser.post(f"{address}/preview", form(name="")).status_code == 204


def test_a_preview_of_a_page_that_is_not_made_yet_makes_none(browser, organization):
    answer = browser.post("/status-pages/new", form(a_monitor(organization), look="1"))

    assert "Part 1" in answer.content.decode()
    assert not StatusPage.objects.exists()


def test_a_logo_is_kept_and_what_is_no_picture_is_refused(browser, organization):
    page = a_page(organization)
    address = f"/status-pages/{page.id}"
    png = SimpleUploadedFile("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(8))
    svg = SimpleUploadedFile("logo.svg", b"<svg onload='alert(1)'/>")

    assert browser.post(address, form(logo_file=svg)).status_code == 400
    assert browser.post(address, form(logo_file=png)).status_code == 302
    page.refresh_from_db()
    assert page.logo_type == "image/png"
    browser.post(address, form(name="Shop 2"))
    page.refresh_from_db()
    assert page.logo_type == "image/png"


def test_a_password_stays_when_its_field_is_empty_and_can_be_taken_away(browser, organization):
    page = a_page(organization)
    address = f"/status-pages/{page.id}"
    browser.post(address, form(password="hush"))
    browser.post(address, form(name="Shop 2"))
    page.refresh_from_db()
    assert page.has_password

    browser.post(address, form(no_password="on"))
    page.refresh_from_db()
    assert not page.has_password


def test_incidents_are_told_and_go_on_from_the_editor(browser, organization):
    page = a_page(organization)
    address = f"/status-pages/{page.id}/incidents"

    browser.post(address, {"title": "Slow", "impact": "minor", "status": "investigating", "body": "Hm."})
    incident = page.incidents.get()
    browser.post(f"{address}/{incident.id}", {"status": "resolved", "body": "Done."})

    incident.refresh_from_db()
    assert incident.resolved_at is not None
    refused = browser.post(address, {"title": "", "impact": "major", "body": "A long story."})
    assert refused.status_code == 400
    # What was typed is not lost.
    assert "A long story." in refused.content.decode()
    assert '<option value="major" selected>' in refused.content.decode()


def test_an_incident_that_was_told_by_mistake_is_taken_back(browser, organization):
    page, other = a_page(organization), a_page(organization, slug="other")
    browser.post(f"/status-pages/{page.id}/incidents", {"title": "Oops", "impact": "minor", "body": "Hm."})
    incident, version = page.incidents.get(), StatusPage.objects.get(id=page.id).version

    # Not through another page.
    assert browser.post(f"/status-pages/{other.id}/incidents/{incident.id}/delete").status_code == 404
    browser.post(f"/status-pages/{page.id}/incidents/{incident.id}/delete")

    assert not page.incidents.exists()
    assert StatusPage.objects.get(id=page.id).version > version


def test_a_viewer_sees_the_list_and_edits_nothing(organization):
    page = a_page(organization)
    viewer = a_client(user=a_user(organization, "viewer"))

    assert "Shop" in viewer.get("/status-pages").content.decode()
    assert viewer.get(f"/status-pages/{page.id}").status_code == 403
    assert viewer.post(f"/status-pages/{page.id}/delete").status_code == 403
    assert (
        a_client(user=a_user(an_organization(), "admin")).get(f"/status-pages/{page.id}").status_code == 404
    )


def test_removing_removes(browser, organization):
    page = a_page(organization)

    browser.post(f"/status-pages/{page.id}/delete")

    assert not StatusPage.objects.exists()
