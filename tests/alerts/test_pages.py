"""The pages of alerts, as people use them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.lib.ids import uuid7_at
from monitor.models import AlertEvent, AlertRule
from monitor.models.alerts import MOST_COUNTED
from tests.factories import a_client, a_log, a_rule, a_service, a_user, an_organization, keep_logs
from tests.factories import the_default_organization as default_organization

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, Role.ADMIN))


@pytest.fixture
def viewer(organization):
    return a_client(user=a_user(organization, Role.VIEWER))


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


def sentence(service, field="status_code", comparison=">=", value="500", **more):
    return {
        "service_id": str(service.id),
        "condition_field": field,
        "condition_operator": comparison,
        "condition_value": value,
        "name": "Server errors",
        **more,
    }


def text_of(response):
    return unescape(response.content.decode())


def page_of(rule, part=""):
    return f"/alerts-ui/{rule.id}{part}"


def events_of(rule, count, *, ago=timedelta()):
    at = timezone.now() - ago
    return AlertEvent.objects.bulk_create(
        AlertEvent(
            id=uuid7_at(at + timedelta(milliseconds=number)),
            rule=rule,
            log_id=uuid7_at(at),
            message=f"event {number:03d}",
            triggered_at=at,
        )
        for number in range(count)
    )


# --- The list ----------------------------------------------------------------------------------------------


def test_each_rule_shows_its_state(admin, service):
    a_rule(service, name="watching")
    a_rule(service, name="resting", is_active=False)
    broken = a_rule(service, name="confused")
    AlertRule.objects.filter(id=broken.id).update(last_error="cannot be compared")

    page = text_of(admin.get("/alerts-ui"))

    for name, state in (("watching", "Active"), ("resting", "Paused"), ("confused", "Broken")):
        row = page[page.index(f">{name}</a>") :]
        assert state in row[: row.index("</tr>")]
    assert "cannot be compared" in page


def test_the_list_counts_the_events_of_a_day_and_tells_the_last(admin, service):
    rule = a_rule(service)
    events_of(rule, 3)
    events_of(rule, 4, ago=timedelta(hours=25))

    found = AlertRule.objects.with_activity(timezone.now() - timedelta(hours=24)).get()

    assert found.recent_events == 3
    assert timezone.now() - found.last_fired_at < timedelta(minutes=1)


def test_the_count_stops_where_it_would_cost(admin, service):
    events_of(a_rule(service), MOST_COUNTED + 5)

    assert f"{MOST_COUNTED:,}+" in text_of(admin.get("/alerts-ui"))


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(
    admin, service, django_assert_num_queries
):
    for _ in range(12):
        events_of(a_rule(service), 2)

    # session, user, memberships; services for the form, rules with service and activity; what is held back
    with django_assert_num_queries(6):
        admin.get("/alerts-ui")


def test_rules_of_others_are_not_listed(admin, service):
    a_rule(a_service(an_organization()), name="foreign")

    assert "foreign" not in text_of(admin.get("/alerts-ui"))


def test_the_list_can_be_of_one_service(admin, organization, service):
    a_rule(service, name="mine")
    a_rule(a_service(organization), name="beside")

    page = text_of(admin.get(f"/alerts-ui?service_id={service.id}"))

    assert "mine" in page
    assert "beside" not in page


def test_without_services_the_page_leads_to_registering_one(admin):
    assert "Register a service" in text_of(admin.get("/alerts-ui"))


def test_without_rules_the_form_stands_open(admin, service):
    page = text_of(admin.get("/alerts-ui"))

    assert "Make the first alert" in page
    assert "<details" not in page[page.index("Make the first alert") : page.index("Make the alert<")]


# --- Making and changing -----------------------------------------------------------------------------------


def test_a_rule_made_on_the_page_fires_on_the_next_request(admin, service):
    answer = admin.post("/alerts-ui", sentence(service))
    keep_logs(service, a_log(status_code=503, path="/orders/9"))

    rule = AlertRule.objects.get()
    assert answer.headers["Location"] == page_of(rule)
    assert "/orders/9" in text_of(admin.get(page_of(rule)))


@pytest.mark.parametrize(
    ("field", "comparison", "value", "named", "words"),
    [
        ("status_code", ">=", "many", "condition_value", "compared with a whole number"),
        ("latency_ms", ">", "inf", "condition_value", "plain finite number"),
        ("error", ">", "true", "condition_operator", "takes == or !="),
        ("error", "==", "yes", "condition_value", "takes true or false"),
        ("latency_ms", ">", "", "condition_value", "This field is required."),
        ("latency_ms", "~", "5", "condition_operator", "Select a valid choice."),
    ],
)
def test_a_condition_that_means_nothing_is_explained_at_its_word(
    admin, service, field, comparison, value, named, words
):
    answer = admin.post("/alerts-ui", sentence(service, field, comparison, value))

    word = re.search(rf'id="rule_{named}".*?</span>', text_of(answer), re.DOTALL)[0]
    assert answer.status_code == 400
    assert words in word
    assert not AlertRule.objects.exists()


def test_a_rule_for_a_service_of_others_is_not_made(admin, service):
    answer = admin.post("/alerts-ui", sentence(a_service(an_organization())))

    assert answer.status_code == 400
    assert not AlertRule.objects.exists()


def test_changing_a_broken_rule_mends_it(admin, service):
    rule = a_rule(service)
    AlertRule.objects.filter(id=rule.id).update(condition_value="often", last_error="not a number")

    admin.post(page_of(rule), sentence(service, value="429"))

    rule.refresh_from_db()
    assert (rule.condition_value, rule.last_error) == ("429", "")


def test_a_change_that_is_refused_changes_nothing(admin, service):
    rule = a_rule(service)

    answer = admin.post(page_of(rule), sentence(service, value="often"))

    rule.refresh_from_db()
    assert answer.status_code == 400
    assert rule.condition_value == "500"


def test_a_paused_rule_does_not_fire_until_it_is_resumed(admin, service):
    rule = a_rule(service)

    admin.post(page_of(rule, "/pause"), {"is_active": "false"})
    keep_logs(service, a_log(status_code=503))
    assert not rule.events.exists()

    admin.post(page_of(rule, "/pause"), {"is_active": "true"})
    keep_logs(service, a_log(status_code=503))
    assert rule.events.count() == 1


def test_deleting_takes_the_events_along(admin, service):
    rule = a_rule(service)
    events_of(rule, 2)

    answer = admin.post(page_of(rule, "/delete"))

    assert answer.headers["Location"] == "/alerts-ui"
    assert not AlertEvent.objects.exists()


# --- Events ------------------------------------------------------------------------------------------------


def test_an_event_leads_to_its_request(admin, service):
    rule = a_rule(service)
    (log_id,) = keep_logs(service, a_log(status_code=503, error="upstream timed out"))

    page = text_of(admin.get(page_of(rule)))

    assert f'href="/log/{log_id}"' in page
    assert "upstream timed out" in page


def test_an_event_stays_readable_after_its_log_has_gone(admin, service):
    rule = a_rule(service)
    (event,) = events_of(rule, 1, ago=timedelta(days=90))

    page = text_of(admin.get(page_of(rule)))

    assert event.message in page
    assert f"/log/{event.log_id}" not in page
    assert "no longer kept" in page


def test_events_turn_page_by_page_and_back(admin, service):
    rule = a_rule(service)
    events_of(rule, 120)

    first = text_of(admin.get(page_of(rule)))
    older = re.search(r'rel="next" href="([^"]+)"', first)[1]
    second = text_of(admin.get(page_of(rule) + older))
    last = text_of(admin.get(page_of(rule) + re.search(r'rel="next" href="([^"]+)"', second)[1]))
    back = text_of(admin.get(page_of(rule) + re.search(r'rel="prev" href="([^"]+)"', last)[1]))

    def numbers(page):
        return re.findall(r"event (\d{3})", page)

    assert 'rel="prev"' not in first
    assert numbers(first) + numbers(second) + numbers(last) == [f"{n:03d}" for n in range(119, -1, -1)]
    assert numbers(back) == numbers(second)
    assert 'rel="next"' not in last


def test_a_mangled_place_in_the_list_shows_the_newest(admin, service):
    rule = a_rule(service)
    events_of(rule, 2)

    assert "event 001" in text_of(admin.get(page_of(rule) + "?cursor=%00"))


def test_the_page_of_a_rule_states_what_it_asks_the_database(admin, service, django_assert_num_queries):
    rule = a_rule(service)
    keep_logs(service, *[a_log(status_code=503) for _ in range(60)])

    # session, user, memberships; rule with service, events, their logs, rule with activity, who was told
    with django_assert_num_queries(8):
        admin.get(page_of(rule))


def test_names_of_others_cannot_bring_markup(admin, organization):
    service = a_service(organization, name=SCRIPT)
    rule = a_rule(service, name=SCRIPT, description=SCRIPT)
    keep_logs(service, a_log(status_code=503, path=f"/{SCRIPT}", error=SCRIPT))
    AlertEvent.objects.create(
        rule=rule, log_id=uuid7_at(timezone.now()), message=SCRIPT, triggered_at=timezone.now()
    )

    for address in ("/alerts-ui", page_of(rule)):
        assert SCRIPT not in admin.get(address).content.decode()


# --- Who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "/pause", "/delete"])
def test_a_viewer_changes_nothing_and_others_find_nothing(viewer, service, part):
    rule = a_rule(service)
    stranger = a_client(user=a_user(an_organization(), Role.OWNER))

    assert viewer.post(page_of(rule, part), sentence(service, value="1")).status_code == 403
    assert stranger.post(page_of(rule, part), sentence(service, value="1")).status_code == 404
    assert stranger.get(page_of(rule)).status_code == 404
    rule.refresh_from_db()
    assert (rule.condition_value, rule.is_active) == ("500", True)


def test_a_viewer_reads_without_buttons(viewer, service):
    rule = a_rule(service)

    for address in ("/alerts-ui", page_of(rule)):
        assert re.findall(r'<form[^>]*action="(/alerts-ui[^"]*)"', text_of(viewer.get(address))) == []
    assert viewer.post("/alerts-ui", sentence(service)).status_code == 403


@pytest.mark.parametrize("part", ["", "/pause", "/delete"])
def test_a_post_without_the_forms_token_is_refused(organization, service, part):
    rule = a_rule(service)
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user(organization, Role.ADMIN))

    assert client.post(page_of(rule, part), {"is_active": "false"}).status_code == 403
    assert AlertRule.objects.filter(is_active=True).exists()


def test_visitors_manage_the_default_organization_where_that_was_asked_for(settings):
    settings.ANONYMOUS_ACCESS = "full"
    service = a_service(default_organization())

    assert Client().post("/alerts-ui", sentence(service)).status_code == 302
    assert Client().post("/alerts-ui", sentence(a_service(an_organization()))).status_code == 400
