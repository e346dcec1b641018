"""Rules over windows, as people make, try, read and quiet them."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from monitor.alerts.news import tell_news
from monitor.alerts.rounds import judge_windows
from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.models import AlertGroup, AlertRule, AlertSilence, Consumer, Endpoint
from tests.alerts.history import weeks_of
from tests.alerts.test_pages import text_of
from tests.factories import (
    a_client,
    a_log,
    a_service,
    a_user,
    a_window_rule,
    an_organization,
    keep_logs,
    rfc3339,
)

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


def send(service, count=1, *, ago=timedelta(minutes=2), **fields):
    at = timezone.now() - ago
    keep_logs(service, *(a_log(timestamp=rfc3339(at), **fields) for _ in range(count)))


def sentence(**said):
    return {
        "measure": "error_rate",
        "direction": "above",
        "threshold": "5",
        "window_s": "300",
        "name": "Too many errors",
        **said,
    }


def new(service, kind="metric"):
    return f"/alerts-ui/new?service_id={service.id}&kind={kind}"


def fires(service, **fields):
    """A rule that fires now."""
    send(service, 3, consumer="acme")
    rule = a_window_rule(service, **fields)
    judge_windows(now=timezone.now())
    return rule


@pytest.mark.parametrize("length", ["²", "٣", "9" * 5000, "-1", "soon"])
def test_what_is_no_length_of_time_is_left_out_of_the_address(admin, service, length):
    said = f"{new(service)}&window_s={quote(length)}&for_s={quote(length)}"

    assert admin.get(said).status_code == 200


@pytest.mark.parametrize("length", ["²", "٣", "9" * 5000, "-1", "soon"])
def test_a_silence_of_what_is_no_length_of_time_lasts_an_hour(admin, service, length):
    rule = a_window_rule(service)

    answer = admin.post(f"/alerts-ui/{rule.id}/silence", {"seconds": length})

    assert answer.status_code == 302
    silence = AlertSilence.objects.get()
    assert silence.ends_at - silence.starts_at == timedelta(hours=1)


# --- Making ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "told", "link"),
    [
        ("new_endpoint", "GET /orders was called for the first time", "/endpoints/{}"),
        ("new_error", "KeyError: {value} on GET /orders is new", "/issues?endpoint_id={}"),
    ],
)
def test_news_is_a_sentence_and_its_page_leads_to_what_is_new(admin, service, kind, told, link):
    admin.post(new(service, kind), {"name": "News", "do": "save"})
    rule = AlertRule.objects.get()
    assert "Nothing new yet" in text_of(admin.get(f"/alerts-ui/{rule.id}"))
    send(service, status_code=500, error="KeyError: 'price'")
    group_errors(now=timezone.now())
    tell_news(now=timezone.now())

    page = text_of(admin.get(f"/alerts-ui/{rule.id}"))

    assert f"News: {told}" in page
    assert f'<a href="{link.format(Endpoint.objects.get().id)}">look at it</a>' in page
    assert "Active" in page
    assert "Timeline" not in page


def test_a_sentence_makes_a_rule_that_is_judged_the_next_minute(admin, service):
    send(service, 3, status_code=500)
    answer = admin.post(
        new(service), sentence(do="save", min_requests="2", per="endpoint", severity="critical")
    )

    rule = AlertRule.objects.get()
    assert answer.headers["Location"] == f"/alerts-ui/{rule.id}"
    assert rule.condition == "error rate above 5 % over 5 min, at least 2 requests, per endpoint"
    assert rule.severity == "critical"

    judge_windows(now=timezone.now())
    page = text_of(admin.get(f"/alerts-ui/{rule.id}"))
    assert "Firing" in page
    assert "GET /orders" in page


def test_a_silence_of_a_service_is_a_sentence_too(admin, service):
    admin.post(new(service, "absence"), {"window_s": "600", "name": "Silent", "do": "save"})

    assert AlertRule.objects.get().condition == "no requests for 10 min"


def test_silent_processes_are_a_sentence_with_three_minutes_said_already(admin, service):
    form = admin.get(new(service, "silence")).content.decode()
    assert '<option value="180" selected>3 min</option>' in form
    assert "Try it" not in form
    admin.post(
        new(service, "silence"), {"window_s": "180", "environment": "prod", "name": "Down", "do": "save"}
    )

    rule = AlertRule.objects.get()
    assert rule.condition == "no process reported for 3 min of environment prod"
    judge_windows(now=timezone.now())
    assert "no process reported for 3 min" in text_of(admin.get(f"/alerts-ui/{rule.id}"))


def test_a_rule_is_tried_on_the_last_days_before_it_is_saved(admin, service):
    send(service, 5, ago=timedelta(days=2), status_code=500)

    page = text_of(admin.post(new(service), sentence(do="try")))

    assert "would have fired 1 time in 7 days" in page
    assert "chart-threshold" in page
    assert 'value="5"' in page
    assert not AlertRule.objects.exists()


def test_a_rule_that_would_not_have_fired_says_so(admin, service):
    assert "would not have fired in 7 days" in text_of(admin.post(new(service), sentence(do="try")))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"threshold": "many"}, "Enter a number."),
        ({"threshold": "-1"}, "not below 0"),
        ({"threshold": "101"}, "at most 100"),
        ({"measure": "status_share"}, "One of 1xx to 5xx"),
        ({"runbook_url": "javascript:alert(1)"}, "Enter a valid value."),
        ({"name": ""}, "This field is required."),
        ({"window_s": "7"}, "Select a valid choice"),
    ],
)
@pytest.mark.parametrize("do", ["try", "save"])
def test_what_means_nothing_is_explained_and_makes_nothing(admin, service, said, words, do):
    answer = admin.post(new(service), sentence(do=do, **said))

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert not AlertRule.objects.exists()


def test_the_way_from_a_chart_brings_what_it_shows(admin, service):
    send(service, path="/carts")
    endpoint = Endpoint.objects.get()

    page = text_of(admin.get(f"{new(service)}&measure=p99_latency&threshold=250&endpoint_id={endpoint.id}"))

    assert '<option value="p99_latency" selected>' in page
    assert 'value="250"' in page
    assert f'<option value="{endpoint.id}" selected>GET /carts</option>' in page


def test_without_a_service_it_is_asked_for_and_what_was_said_is_kept(admin, organization, service):
    a_service(organization, name="carts")

    page = text_of(admin.get("/alerts-ui/new?measure=apdex"))

    assert "Which service?" in page
    assert '<input type="hidden" name="measure" value="apdex">' in page


def test_who_only_reads_makes_nothing(viewer, service):
    assert viewer.get(new(service)).status_code == 403
    assert viewer.post(new(service), sentence(do="save")).status_code == 403
    assert not AlertRule.objects.exists()


def test_a_service_of_others_is_not_found(admin):
    assert admin.get(new(a_service())).status_code == 404


# --- Reading and changing ----------------------------------------------------------------------------------


def test_the_page_shows_states_what_was_told_and_the_timeline(admin, service):
    rule = fires(
        service, per="consumer", threshold=2, runbook_url="https://wiki.example/orders", notes=SCRIPT
    )

    answer = admin.get(f"/alerts-ui/{rule.id}")
    page = text_of(answer)

    assert "Now, per consumer" in page
    assert "acme: 3 (request count above 2" in page
    assert 'href="https://wiki.example/orders"' in page
    assert f"/dashboard?service_id={service.id}&since=" in page
    assert "&lt;script&gt;alert(1)" in answer.content.decode()


def test_the_list_tells_the_worst_state(admin, service):
    fires(service, name="loud")
    a_window_rule(service, name="calm", threshold=99)

    page = text_of(admin.get("/alerts-ui"))

    for name, state in (("loud", "Firing"), ("calm", "OK")):
        row = page[page.index(f">{name}</a>") :]
        assert state in row[: row.index("</tr>")]


def test_a_change_is_tried_before_it_is_saved_and_begins_anew(admin, service):
    rule = fires(service)
    said = {
        "measure": "request_count",
        "direction": "above",
        "threshold": "50",
        "window_s": "300",
        "name": "x",
    }

    page = text_of(admin.post(f"/alerts-ui/{rule.id}", {**said, "do": "try"}))
    assert "As it would have been" in page
    assert AlertGroup.objects.exists()

    admin.post(f"/alerts-ui/{rule.id}", {**said, "do": "save"})
    rule.refresh_from_db()
    assert (rule.threshold, rule.name) == (50, "x")
    assert not AlertGroup.objects.exists()


def test_a_length_that_a_program_chose_stays_when_people_change_the_name(admin, service):
    rule = a_window_rule(service, window_s=420, cooldown_s=17)
    said = {"measure": "request_count", "direction": "above", "threshold": "0", "name": "renamed"}

    admin.post(f"/alerts-ui/{rule.id}", {**said, "window_s": "420", "cooldown_s": "17", "do": "save"})

    rule.refresh_from_db()
    assert (rule.name, rule.window_s, rule.cooldown_s) == ("renamed", 420, 17)


def test_a_rule_that_cannot_be_judged_shows_why(admin, service):
    rule = a_window_rule(service)
    AlertRule.objects.update(last_error="Counting its requests took too long.")

    assert "Counting its requests took too long." in text_of(admin.get(f"/alerts-ui/{rule.id}"))


# --- Quiet -------------------------------------------------------------------------------------------------


def test_acknowledging_and_silencing_name_who_did(admin, service):
    rule = fires(service)

    admin.post(f"/alerts-ui/{rule.id}/acknowledge", {"seconds": "600"})
    admin.post(f"/alerts-ui/{rule.id}/silence", {"seconds": "3600", "reason": "known"})

    group, silence = AlertGroup.objects.get(), AlertSilence.objects.get()
    assert group.acknowledged_by.startswith("user:")
    assert (silence.rule, silence.reason) == (rule, "known")
    page = text_of(admin.get(f"/alerts-ui/{rule.id}"))
    assert "acknowledged by user:" in page
    assert "Silent until" in page


def test_who_only_reads_can_quiet_nothing(viewer, service):
    rule = fires(service)
    silence = AlertSilence.objects.create(
        organization=service.organization,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(hours=1),
        created_by="tests",
    )

    for part in ("acknowledge", "silence"):
        assert viewer.post(f"/alerts-ui/{rule.id}/{part}", {"seconds": "60"}).status_code == 403
    assert viewer.post(f"/alerts-ui/silences/{silence.id}/end").status_code == 403
    assert AlertSilence.objects.active(timezone.now()).count() == 1


def test_maintenance_is_planned_and_ended(admin, service):
    start = timezone.now() + timedelta(hours=2)
    said = {"service_id": str(service.id), "starts_at": f"{start:%Y-%m-%dT%H:%M}", "reason": "move"}

    refused = admin.post("/alerts-ui/silences", {**said, "ends_at": "2020-01-01T00:00"})
    admin.post("/alerts-ui/silences", {**said, "ends_at": f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M}"})

    silence = AlertSilence.objects.get()
    assert refused.status_code == 400
    assert "over already" in text_of(refused)
    assert "Planned" in text_of(admin.get("/alerts-ui/silences"))

    admin.post(f"/alerts-ui/silences/{silence.id}/end")
    assert not AlertSilence.objects.active(start + timedelta(minutes=1)).exists()


def test_the_list_says_how_many_notices_are_held_back(admin, service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 1
    a_window_rule(service)
    a_window_rule(service)
    fires(service)

    assert "2 more notices of this hour are held back" in text_of(admin.get("/alerts-ui"))


# --- Costs -------------------------------------------------------------------------------------------------


def test_a_page_costs_the_same_however_many_groups_and_events_it_shows(
    admin, service, django_assert_num_queries
):
    rule = fires(service, per="consumer", threshold=0)
    for number in range(10):
        send(service, 2, consumer=f"caller {number}")
    judge_windows(now=timezone.now())

    # session, user, memberships; rule; endpoints to choose from; the back-test within its limit (4), whether
    # clients have counted, and its names; groups, silences, events, evaluations; states; the transaction of
    # the limit (2)
    with django_assert_num_queries(19):
        admin.get(f"/alerts-ui/{rule.id}")


# --- The way to it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/metrics-ui?service_id={service}&environment=prod", "environment=prod"),
        ("/endpoints?service_id={service}", "endpoint_id={endpoint}"),
        ("/endpoints/{endpoint}", "endpoint_id={endpoint}"),
        ("/consumers", "consumer=acme"),
        ("/consumers/{consumer}", "consumer=acme"),
    ],
)
def test_charts_and_rows_lead_to_an_alert_on_them(admin, viewer, service, address, said):
    send(service, 3, environment="prod", consumer="acme", latency_ms=40)
    ids = {
        "service": service.id,
        "endpoint": Endpoint.objects.get().id,
        "consumer": Consumer.objects.get().id,
    }
    address, said = address.format(**ids), said.format(**ids)

    links = re.findall(r'href="(/alerts-ui/new\?[^"]*)"', text_of(admin.get(address)))

    assert links
    assert not [link for link in links if said not in link]
    assert all(admin.get(link).status_code == 200 for link in links)
    assert "/alerts-ui/new" not in text_of(viewer.get(address))


# --- Baselines and objectives ------------------------------------------------------------------------------


def test_a_baseline_is_a_sentence_whose_page_shows_what_is_usual(admin, service):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for back in range(-1, 3):
        weeks_of(service, hour - back * timedelta(hours=1), [40] * 5)
    said = {"measure": "request_count", "direction": "both", "window_s": "3600", "name": "Unusual"}

    page = text_of(admin.post(new(service, "baseline"), {**said, "do": "try"}))
    assert "usual, highest" in page
    assert "median of that hour of the week" in page

    admin.post(new(service, "baseline"), {**said, "do": "save"})
    rule = AlertRule.objects.get()
    assert rule.condition == "request count outside its usual band (3 deviations) over 1 h"
    judge_windows(now=timezone.now())
    group = AlertGroup.objects.get()
    assert group.state == "firing"
    page = text_of(admin.get(f"/alerts-ui/{rule.id}"))
    assert f"{group.usual_low:.3g} to {group.usual_high:.3g}" in page


def test_a_baseline_that_knows_too_little_says_what_it_waits_for(admin, service):
    send(service, 3)
    said = {"measure": "p95_latency", "direction": "above", "window_s": "3600", "name": "Slow"}

    assert "it takes 3 weeks" in text_of(admin.post(new(service, "baseline"), {**said, "do": "try"}))


def test_an_objective_is_a_sentence_whose_page_shows_what_is_left(admin, service):
    # Back-tests of objectives end with a whole step, which now is within.
    send(service, 9, ago=timedelta(minutes=70))
    send(service, 1, ago=timedelta(minutes=70), status_code=500)
    said = {"target": "80", "period_days": "30", "measure": "error_rate", "name": "Checkout"}

    assert ": used up in 30 days" in text_of(admin.post(new(service, "slo"), {**said, "do": "try"}))
    admin.post(new(service, "slo"), {**said, "do": "save"})

    rule = AlertRule.objects.get()
    assert rule.condition == "80 % without an error in 30 days, burning too fast"
    judge_windows(now=timezone.now())
    page = text_of(admin.get(f"/alerts-ui/{rule.id}"))
    assert "50 %" in page
    assert "1 of 2 that may" in page
    assert "fast burn" in page


@pytest.mark.parametrize(
    "kind", ["metric", "absence", "silence", "baseline", "slo", "new_endpoint", "new_error"]
)
def test_every_kind_has_a_form_that_offers_only_what_it_speaks_of(admin, service, kind):
    page = text_of(admin.get(new(service, kind)))

    assert ('value="both"' in page) is (kind == "baseline")
    assert ('name="target"' in page) is (kind == "slo")
    assert ('value="try"' in page) is (kind != "silence")
    assert ('value="p95_latency"' in page) is (kind in ("metric", "baseline"))


@pytest.mark.parametrize("kind", ["new_endpoint", "new_error"])
def test_news_is_tried_on_the_last_days_too(admin, service, kind):
    send(service, 1, status_code=500, error="KeyError: 'price'")
    group_errors(now=timezone.now())

    page = text_of(admin.post(new(service, kind), {"name": "News", "do": "try"}))

    assert "1 would have been told" in page
    assert "GET /orders" in page
