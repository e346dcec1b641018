"""The metrics page, held against a count by hand."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.lib.actors import Role
from monitor.metrics.exact import GROUPS
from monitor.metrics.series import count_over_time, measure_over_time
from monitor.models import RequestLog
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs, rfc3339

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


def ago(**length):
    return rfc3339(timezone.now() - timedelta(**length))


def stats_of(answer):
    """The big numbers by their names."""
    found = re.findall(r'<div class="stat[^"]*"><dt>(.*?)</dt><dd>(.*?)</dd>', answer.content.decode())
    return {name: unescape(value) for name, value in found}


def bars_of(answer, caption):
    """The rows of a list of bars: label, number, link."""
    table = re.search(
        rf"<table class=\"bar-list\"><caption>{caption}.*?</table>", answer.content.decode(), re.DOTALL
    )[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?<td class="num">(.*?)</td>', table)
    return [
        (
            strip_tags(label),
            number,
            unescape(href[1]) if (href := re.search(r'href="(.*?)"', label)) else None,
        )
        for label, number in rows
    ]


def table_of(answer, chart_id):
    """The numbers behind a chart: a list of cells for each step."""
    figure = re.search(
        rf'<figure class="chart" id="{chart_id}".*?</figure>', answer.content.decode(), re.DOTALL
    )[0]
    return [
        re.findall(r'<td class="num">(.*?)</td>', row) for row in re.findall(r"<tr data-from.*?</tr>", figure)
    ]


def test_the_numbers_equal_a_count_by_hand(reader, service):
    keep_logs(
        service,
        *(a_log(latency_ms=float(latency)) for latency in range(1, 97)),
        a_log(method="POST", status_code=500, latency_ms=1000.0),
        a_log(method="POST", status_code=404, latency_ms=2000.0),
        a_log(method="DELETE", status_code=200, error="half done", latency_ms=3000.0),
        a_log(status_code=None, latency_ms=None),
    )

    page = reader.get("/metrics-ui")

    # 99 latencies. Ranks from 0: 49 for p50 (50), 0.95 * 98 = 93.1 (94.1), 0.99 * 98 = 97.02 (2020).
    # The average is (1 + ... + 96 + 6000) / 99 = 10656 / 99.
    assert stats_of(page) == {
        "Requests": "100",
        "Error rate": "2 %",
        "p50": "50 ms",
        "p95": "94.1 ms",
        "p99": "2,020 ms",
        "Average": "107.6 ms",
    }
    window = "/dashboard?window=1h"
    assert bars_of(page, "By method") == [
        ("GET", "97", f"{window}&method=GET"),
        ("POST", "2", f"{window}&method=POST"),
        ("DELETE", "1", f"{window}&method=DELETE"),
    ]
    assert bars_of(page, "By status") == [
        ("200", "97", f"{window}&status_code=200"),
        ("404", "1", f"{window}&status_code=404"),
        ("500", "1", f"{window}&status_code=500"),
        ("no answer", "1", None),
    ]


def test_the_charts_hold_the_same_numbers_step_by_step(reader, service):
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    first = [a_log(latency_ms=10.0, timestamp=rfc3339(start + timedelta(seconds=n))) for n in range(4)]
    second = [
        a_log(status_code=503, latency_ms=latency, timestamp=rfc3339(start + timedelta(minutes=61)))
        for latency in (100.0, 300.0)
    ]
    keep_logs(service, *first, *second)

    page = reader.get(
        "/metrics-ui", {"since": rfc3339(start), "until": rfc3339(start + timedelta(minutes=90))}
    )

    # Steps of a minute; columns 5xx, 4xx, other, 3xx, 2xx, and p50, p95, p99.
    requests, latency = table_of(page, "requests"), table_of(page, "latency")
    assert len(requests) == len(latency) == 90
    assert requests[0] == ["0", "0", "0", "0", "4"]
    assert requests[61] == ["2", "0", "0", "0", "0"]
    assert sum(int(cell) for row in requests for cell in row) == 6
    assert latency[0] == ["10 ms", "10 ms", "10 ms"]
    assert latency[61] == ["200 ms", "290 ms", "298 ms"]
    assert latency[1] == ["-", "-", "-"]


def test_a_step_of_a_series_holds_all_of_its_requests(service):
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=5)
    logs = [
        a_log(latency_ms=float(n), status_code=500 if n == 3 else 200, timestamp=rfc3339(start))
        for n in range(7)
    ]
    keep_logs(service, *logs)
    options = {"since": start, "until": start + timedelta(minutes=2), "step": timedelta(minutes=1)}

    full, empty = measure_over_time(RequestLog.objects.all(), **options)
    counted = count_over_time(RequestLog.objects.all(), **options)

    assert (full.total, full.errors, full.p50) == (7, 1, 3.0)
    assert full.by_class == counted[start] == {"2xx": 6, "5xx": 1}
    assert (empty.total, empty.p50, empty.by_class) == (0, None, {})
    assert list(counted) == [start]


def test_every_filter_of_the_log_table_measures_too(reader, organization, service):
    keep_logs(service, a_log(path="/a", status_code=500), a_log(path="/b"), a_log(path="/b", tags=["beta"]))
    other = a_service(organization)
    keep_logs(other, a_log(path="/a"))

    assert stats_of(reader.get("/metrics-ui"))["Requests"] == "4"
    assert stats_of(reader.get(f"/metrics-ui?service_id={service.id}"))["Requests"] == "3"
    assert stats_of(reader.get("/metrics-ui?path=/b&tag=beta"))["Requests"] == "1"
    assert stats_of(reader.get("/metrics-ui?status_class=5xx"))["Error rate"] == "100 %"


def test_the_logs_behind_the_numbers_are_one_click_away(reader, service):
    keep_logs(service, a_log())

    page = reader.get("/metrics-ui?path=orders&window=24h").content.decode()

    assert 'href="/dashboard?path=orders&amp;window=24h"' in page
    assert page.count('data-jump="/dashboard?path=orders&amp;window=24h"') == 2


def test_before_the_first_log_there_are_zeros_and_a_way_on(reader, service):
    page = reader.get("/metrics-ui")

    assert stats_of(page)["Requests"] == "0"
    assert stats_of(page)["p95"] == "-"
    assert "No requests yet" in page.content.decode()


def test_a_filter_that_cannot_be_used_is_told_beside_its_field(reader, service):
    page = reader.get("/metrics-ui?min_latency_ms=fast").content.decode()

    assert "Enter a number." in re.search(r'id="errors-min_latency_ms">(.*?)</div>', page, re.DOTALL)[1]


def test_a_change_of_a_filter_brings_the_part_that_changes(reader, service):
    answer = reader.get("/metrics-ui?path=x", headers={"HX-Request": "true", "HX-Trigger": "log-filter"})

    assert "<html" not in answer.content.decode()
    assert answer["HX-Push-Url"] == "/metrics-ui?path=x"


@pytest.mark.django_db(transaction=True)
def test_a_measurement_that_takes_too_long_is_stopped_calmly(reader, service, monkeypatch):
    keep_logs(service, a_log())
    monkeypatch.setattr("monitor.metrics.answer.LIMIT", timedelta(milliseconds=20))
    monkeypatch.setitem(GROUPS, None, "pg_sleep(10)::text")

    answer = reader.get("/metrics-ui?window=7d&path=orders")

    assert answer.status_code == 200
    assert "This takes too long to look up while you wait" in answer.content.decode()


def test_the_page_costs_few_queries(reader, service, django_assert_num_queries):
    keep_logs(service, *(a_log(route=f"/orders/{n}") for n in range(30)))

    # 3 who asks, 1 services, 1 newest, 2 for the days whose logs are all there; whether clients have counted;
    # the whole and its steps, each within a limit (4): what was counted already, and the few logs themselves;
    # 1 deployments.
    with django_assert_num_queries(21):
        reader.get("/metrics-ui")
