"""From whatever one reads to the form of a rule about it, with all that is known already said."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.models import Endpoint, ErrorIssue
from tests.alerts.test_pages import text_of
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs

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
