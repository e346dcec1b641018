"""Deployments as lines in the charts of the metrics page."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from monitor.deployments import report_deployment
from monitor.lib.actors import Role
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def reader(organization):
    return a_client(user=a_user(organization, Role.VIEWER))


def deployed(service, version, *, environment="", minutes_ago=20):
    now = timezone.now()
    at = now - timedelta(minutes=minutes_ago)
    return report_deployment(
        service, version=version, environment=environment, at=at, reported_by="tests", now=now
    )[0]


def markers_in(page, chart_id):
    figure = re.search(rf'<figure class="chart" id="{chart_id}".*?</figure>', page, re.DOTALL)[0]
    titles = re.findall(r'<g class="chart-marker"><title>(.*?),', figure)
    return [unescape(title) for title in titles]


def test_a_deployment_is_a_line_in_both_charts_and_leads_to_the_logs_since_then(reader, service):
    keep_logs(service, a_log())
    deployment = deployed(service, "v1.4")

    page = reader.get("/metrics-ui?window=1h").content.decode()

    assert markers_in(page, "requests") == markers_in(page, "latency") == ["v1.4"]
    since = deployment.deployed_at.isoformat().replace("+00:00", "Z").replace(":", "%3A")
    assert f'href="/dashboard?service_id={service.id}&amp;since={since}"' in page
    assert "Logs since then" in page


def test_only_deployments_of_the_window_and_the_service_are_lines(reader, organization, service):
    other = a_service(organization, name="billing")
    keep_logs(service, a_log())
    deployed(service, "old", minutes_ago=120)
    deployed(service, "mine")
    deployed(other, "theirs", minutes_ago=10)
    deployed(a_service(), "foreign")

    page = reader.get("/metrics-ui?window=1h").content.decode()
    narrowed = reader.get(f"/metrics-ui?window=1h&service_id={service.id}").content.decode()

    assert markers_in(page, "requests") == ["orders mine", "billing theirs"]
    assert markers_in(narrowed, "requests") == ["mine"]


def test_with_an_environment_its_own_and_those_of_all_are_lines(reader, service):
    keep_logs(service, a_log(environment="eu"))
    deployed(service, "everywhere", minutes_ago=30)
    deployed(service, "in eu", environment="eu")
    deployed(service, "in us", environment="us")

    page = reader.get("/metrics-ui?window=1h&environment=eu").content.decode()

    assert markers_in(page, "requests") == ["everywhere", "in eu"]


def test_a_version_is_only_text(reader, service):
    keep_logs(service, a_log())
    deployed(service, "<script>alert(1)</script>")

    assert "<script>alert(1)" not in reader.get("/metrics-ui?window=1h").content.decode()
