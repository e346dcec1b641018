"""From whatever one reads to the form of a rule about it, with all that is known already said."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.models import Consumer, Endpoint, ErrorIssue
from tests.alerts.test_pages import text_of
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs
from tests.monitors.scenes import a_monitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, Role.ADMIN))


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


def links(page, words):
    """The addresses of the links to forms of rules that are called so."""
    found = re.findall(r'<a [^>]*href="([^"]*alerts-ui[^"]*)"[^>]*>(.*?)</a>', page, re.S)
    return [unescape(address) for address, content in found if words in content]


def said(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ({"status_code": 503}, {"measure": "error_rate", "threshold": "5"}),
        ({"error": "timeout"}, {"measure": "error_rate", "threshold": "5"}),
        ({"status_code": 404}, {"measure": "status_share", "status_class": "4xx", "threshold": "20"}),
        ({"latency_ms": 812.4}, {"measure": "p95_latency", "threshold": "813"}),
    ],
)
def test_a_row_of_the_log_table_leads_to_the_rule_that_fits_it(admin, service, log, rule):
    keep_logs(service, a_log(environment="prod", **log))

    (address,) = links(text_of(admin.get("/dashboard")), "Alert on requests like this")

    place = {"service_id": str(service.id), "endpoint_id": str(Endpoint.objects.get().id)}
    assert said(address) == {**place, "environment": "prod", "min_requests": "20", **rule}
    form = text_of(admin.get(address))
    assert f'value="{rule["threshold"]}"' in form
    assert re.search(rf'value="{rule["measure"]}" selected', form)


def test_a_log_offers_its_endpoint_its_consumer_and_its_status(admin, service):
    (log_id,) = keep_logs(service, a_log(status_code=503, consumer="acme"))
    page = text_of(admin.get(f"/log/{log_id}"))

    (of_consumer,) = links(page, "for this consumer")
    (of_each,) = links(page, "On each request with 503")

    assert said(of_consumer)["consumer"] == "acme"
    form = text_of(admin.get(of_each.partition("#")[0]))
    assert re.search(r'<option value="==" selected', form)
    assert 'value="503"' in form


def test_who_may_make_no_rules_is_offered_none(organization, service):
    (log_id,) = keep_logs(service, a_log(status_code=503))
    viewer = a_client(user=a_user(organization, Role.VIEWER))

    for address in ("/dashboard", f"/log/{log_id}", "/metrics-ui"):
        assert "Alert on" not in text_of(viewer.get(address))


def test_charts_of_searches_and_issues_lead_there_too(admin, service):
    keep_logs(service, a_log(status_code=500, error="KeyError: 'price'", consumer="acme"))
    group_errors(now=timezone.now())
    issue = ErrorIssue.objects.get()

    (of_search,) = links(text_of(admin.get("/dashboard?consumer=acme")), "Alert on errors")
    (of_issue,) = links(text_of(admin.get(f"/issues/{issue.id}")), "Alert on new errors")
    (of_numbers,) = links(text_of(admin.get(f"/metrics-ui?service_id={service.id}")), "Alert on the unusual")

    assert said(of_search)["consumer"] == "acme"
    assert said(of_issue) == {
        "kind": "new_error",
        "service_id": str(service.id),
        "endpoint_id": str(issue.endpoint_id),
    }
    assert "usual at that hour" in text_of(admin.get(of_numbers))


CHARTS = re.compile(r'<section [^>]*>(?:(?!</?section).)*?<figure class="chart.*?</section>', re.S)
# Where a chart is of a rule itself, or of what no rule watches: amounts that are no requests.
NO_RULE_WATCHES = ("Bytes of bodies", "Replays", "Checks of monitors", "Webhook attempts", "API calls")


@pytest.mark.parametrize(
    "address",
    [
        "/dashboard",
        "/metrics-ui?service_id={service}",
        "/endpoints/{endpoint}",
        "/consumers/{consumer}",
        "/issues/{issue}",
        "/monitors/{monitor}",
        "/health-ui",
        "/usage",
    ],
)
def test_every_chart_offers_an_alert_on_what_it_shows(admin, service, address):
    keep_logs(service, a_log(status_code=500, error="KeyError: 'price'", consumer="acme"))
    group_errors(now=timezone.now())
    ids = {
        "service": service.id,
        "endpoint": Endpoint.objects.get().id,
        "consumer": Consumer.objects.get().id,
        "issue": ErrorIssue.objects.get().id,
        "monitor": a_monitor(service.organization, kind="http").id,
    }
    page = text_of(admin.get(address.format(**ids)))

    charts = [chart for chart in CHARTS.findall(page) if not any(name in chart for name in NO_RULE_WATCHES)]

    assert charts
    for chart in charts:
        assert "alert-on" in chart, chart[:300]


def test_rows_of_services_issues_and_monitors_do_so_too(admin, service):
    keep_logs(service, a_log(status_code=500, error="KeyError: 'price'"))
    group_errors(now=timezone.now())
    monitor = a_monitor(service.organization, kind="http")

    (of_service,) = links_of(text_of(admin.get("/")), "alert-on")
    (of_issue,) = links_of(text_of(admin.get("/issues")), "alert-on")
    (of_monitor,) = links_of(text_of(admin.get("/monitors")), "alert-on")

    assert said(of_service)["measure"] == "error_rate"
    assert said(of_issue)["kind"] == "new_error"
    assert of_monitor == f"/monitors/{monitor.id}/edit#monitor_degraded_ms"
    assert 'value="900"' in text_of(admin.get(f"/monitors/{monitor.id}/edit?degraded_ms=900"))


def links_of(page, css_class):
    return [unescape(each) for each in re.findall(rf'<a class="{css_class}"[^>]* href="([^"]*)"', page)]


def test_who_may_not_make_rules_sees_no_links_in_rows_either(organization, service):
    keep_logs(service, a_log(status_code=500, error="KeyError: 'price'"))
    group_errors(now=timezone.now())
    a_monitor(service.organization, kind="http")
    viewer = a_client(user=a_user(organization, Role.VIEWER))

    for address in ("/", "/issues", "/monitors"):
        assert "alert-on" not in text_of(viewer.get(address))
