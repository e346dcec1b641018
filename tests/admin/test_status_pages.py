"""Status pages, incidents, subscribers and maintenance, managed by staff."""

import pytest
from django.urls import reverse
from django.utils import timezone

from monitor.models import Maintenance, StatusDelivery, StatusIncident, StatusPage, StatusSubscriber
from monitor.status.register import open_incident
from monitor.status.subscribing import add
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback_may_be_reached(settings):
    settings.QUICK_START = True


@pytest.fixture
def page(organization):
    made = a_page(organization)
    add(made, kind="webhook", target="http://127.0.0.1:9/secret-of-mine", now=timezone.now())
    return made


def address(name, what, *args):
    return reverse(f"admin:monitor_{name}_{what}", args=args)


def given(organization=None, *incidents, **fields):
    """A page's form as the browser sends it, with these incidents below."""
    sent = {
        **({"organization": str(organization.pk)} if organization else {}),
        **{"name": "Shop", "slug": "shop", "theme": "auto", "days": "90", "is_published": "on"},
        "takes_subscribers": "on",
        "incidents-TOTAL_FORMS": str(len(incidents)),
        "incidents-INITIAL_FORMS": str(sum("id" in each for each in incidents)),
        **fields,
    }
    for number, incident in enumerate(incidents):
        sent |= {f"incidents-{number}-{name}": value for name, value in incident.items()}
    return sent


NEWS = {"title": "Slow", "impact": "major", "status": "investigating", "body": "We look.", "notify": "on"}


def test_staff_makes_a_page_and_tells_of_an_incident_at_once(admin, organization):
    answer = admin.post(address("statuspage", "add"), given(organization, NEWS, domain="Status.Shop.Example"))

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    page = StatusPage.objects.get()
    assert (page.organization, page.domain) == (organization, "status.shop.example")
    incident = page.incidents.get()
    assert (incident.status, incident.updates.get().body) == ("investigating", "We look.")
    assert "Slow" in admin.get("/status/shop").content.decode()


def test_an_update_in_the_form_is_told_to_readers_and_subscribers(admin, page):
    incident = open_incident(
        page, title="Slow", impact="minor", status="identified", body="x", now=timezone.now(), notify=False
    )
    row = {"id": str(incident.pk), "page": str(page.pk), **NEWS, "status": "resolved", "body": "Over."}

    answer = admin.post(address("statuspage", "change", page.pk), given(None, row))

    assert answer.status_code == 302, answer.context["errors"]
    incident.refresh_from_db()
    assert (incident.status, incident.impact) == ("resolved", "major")
    assert incident.resolved_at is not None
    assert incident.updates.count() == 2
    assert StatusDelivery.objects.exclude(notice=None).count() == 1


def test_what_was_not_touched_is_not_told_again(admin, page):
    incident = open_incident(
        page, title="Slow", impact="major", status="identified", body="x", now=timezone.now(), notify=False
    )
    row = {"id": str(incident.pk), "page": str(page.pk), **NEWS, "status": "identified", "body": ""}

    admin.post(address("statuspage", "change", page.pk), given(None, row, name="Shop of ours"))

    page.refresh_from_db()
    assert page.name == "Shop of ours"
    assert incident.updates.count() == 1
    assert not StatusDelivery.objects.exclude(notice=None).exists()


def test_a_new_state_needs_words(admin, page):
    incident = open_incident(
        page, title="Slow", impact="major", status="identified", body="x", now=timezone.now(), notify=False
    )
    row = {"id": str(incident.pk), "page": str(page.pk), **NEWS, "status": "resolved", "body": ""}

    answer = admin.post(address("statuspage", "change", page.pk), given(None, row))

    assert "Say what it is, and how it stands." in answer.content.decode()
    incident.refresh_from_db()
    assert incident.resolved_at is None


def test_an_incident_is_taken_off_the_page(admin, page):
    incident = open_incident(
        page, title="Slow", impact="major", status="identified", body="x", now=timezone.now()
    )
    row = {"id": str(incident.pk), "page": str(page.pk), **NEWS, "status": "identified", "DELETE": "on"}

    admin.post(address("statuspage", "change", page.pk), given(None, row))

    assert not StatusIncident.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("domain", "not a domain", "A name alone, as status.example.com."),
        ("css", "@import 'x';", "@import"),
        ("slug", "Shop Ä", "Small letters, digits and hyphens"),
    ],
)
def test_the_form_refuses_what_the_api_refuses(admin, page, field, value, words):
    answer = admin.post(address("statuspage", "change", page.pk), given(**{field: value}))

    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_subscribers_are_seen_and_removed_without_their_secrets(admin, page):
    subscriber = StatusSubscriber.objects.get()

    listed = admin.get(address("statussubscriber", "changelist")).content.decode()
    assert "127.0.0.1" in listed
    assert "secret-of-mine" not in listed
    admin.post(address("statussubscriber", "delete", subscriber.pk), {"post": "yes"})

    assert not StatusSubscriber.objects.exists()


MAINTENANCE = {
    "title": "New disks",
    "is_active": "on",
    "strategy": "weekly",
    "timezone": "Europe/Berlin",
    "start_time": "02:00",
    "end_time": "04:00",
    "weekdays": "0,2",
    "every_days": "1",
    "duration_minutes": "60",
    "covers_all": "on",
}


def test_staff_plans_maintenance_and_sees_its_next_window(admin, organization):
    answer = admin.post(address("maintenance", "add"), {"organization": str(organization.pk), **MAINTENANCE})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    made = Maintenance.objects.get()
    assert (made.weekdays, made.covers_all) == ([0, 2], True)
    assert "planned" in admin.get(address("maintenance", "change", made.pk)).content.decode()
    admin.post(address("maintenance", "change", made.pk), {**MAINTENANCE, "is_active": ""})
    made.refresh_from_db()
    assert not made.is_active


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Mars/Olympus"}, {"weekdays": ""}, {"strategy": "cron", "expression": "nonsense"}],
    ids=["zone", "no day", "cron"],
)
def test_a_plan_that_no_window_comes_of_is_refused(admin, organization, wrong):
    answer = admin.post(
        address("maintenance", "add"), {"organization": str(organization.pk), **MAINTENANCE, **wrong}
    )

    assert answer.status_code == 200
    assert not Maintenance.objects.exists()
