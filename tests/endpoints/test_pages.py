"""The pages of endpoints, held against a count by hand."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.deployments import report_deployment
from monitor.endpoints import newest, pages
from monitor.lib.actors import Role
from monitor.metrics.compact import compact
from monitor.models import Endpoint, RequestLog
from tests.admin.markup import blocked_in
from tests.factories import (
    UNKNOWN_ID,
    a_client,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    rfc3339,
)

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


def words(markup):
    return " ".join(unescape(strip_tags(markup)).split())


def rows_of(page, table="endpoint-table"):
    found = re.search(rf'<table class="data-table {table}".*?</table>', page, re.DOTALL)[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr data-row>(.*?)</tr>", found, re.DOTALL)
    ]


def section(page, id_):
    return re.search(rf'<section class="card" id="{id_}">.*?</section>', page, re.DOTALL)[0]


def the_endpoint(route):
    return Endpoint.objects.get(route=route)


def test_what_costs_the_most_stands_first(reader, service):
    keep_logs(
        service,
        *[a_log(route="/fast", latency_ms=10.0) for _ in range(9)],
        a_log(route="/slow", method="POST", latency_ms=510.0, status_code=503),
    )

    rows = rows_of(reader.get("/endpoints").content.decode())

    # 9 x 10 against 1 x 510: 15 % and 85 % of 600.
    assert rows[0][0] == "POST /slow"
    assert rows[0][2:6] == ["110 %", "100 %", "510 ms", "510 ms"]
    assert rows[1][0] == "GET /fast"
    assert rows[1][2:6] == ["990 %", "0 %", "10 ms", "10 ms"]


def test_the_bar_is_the_share_of_the_impact(reader, service):
    keep_logs(service, a_log(route="/a", latency_ms=30.0), a_log(route="/b", latency_ms=10.0))

    page = reader.get("/endpoints").content.decode()

    assert re.findall(r'class="share-bar".*?aria-label="(.*?)"', page) == ["75 %", "25 %"]


def test_a_click_on_a_column_sorts_by_it_and_a_second_one_turns_it_round(reader, service):
    keep_logs(service, *[a_log(route="/many") for _ in range(3)], a_log(route="/few", latency_ms=9000.0))

    def sorted_by(address):
        page = reader.get(address).content.decode()
        link = re.search(r'<th scope="col" class="e-requests num".*?href="(.*?)"', page, re.DOTALL)[1]
        return [row[0] for row in rows_of(page)], "/endpoints" + unescape(link)

    first, link = sorted_by("/endpoints")
    by_requests, turn = sorted_by(link)
    turned, back = sorted_by(turn)

    assert (first, by_requests, turned) == (
        ["GET /few", "GET /many"],
        ["GET /many", "GET /few"],
        ["GET /few", "GET /many"],
    )
    assert sorted_by(back)[0] == by_requests


def test_damaged_words_in_the_address_mean_the_usual_order(reader, service):
    keep_logs(service, a_log())

    assert reader.get("/endpoints?sort=x&order=y&cursor=z").status_code == 200


def test_endpoints_that_were_never_called_are_shown_as_such(reader, service):
    now = timezone.now()
    Endpoint.objects.create(service=service, method="GET", route="/never", first_seen_at=now)
    keep_logs(service, a_log(route="/old", timestamp=rfc3339(now - timedelta(hours=20))), a_log(route="/new"))

    rows = {row[0]: row[1:] for row in rows_of(reader.get("/endpoints?window=1h").content.decode())}

    assert rows["GET /never"] == ["never called"]
    assert rows["GET /old"][0] == "not called in this window"
    assert rows["GET /new"][1] == "1100 %"


def test_pages_turn_and_come_back(reader, service, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 2)
    keep_logs(service, *[a_log(route=f"/r{n}", latency_ms=float(n)) for n in range(1, 6)])

    def turn(address, rel):
        page = reader.get(address).content.decode()
        link = re.search(rf'rel="{rel}" href="(.*?)"', page)
        return [row[0][4:] for row in rows_of(page)], "/endpoints" + unescape(link[1]) if link else None

    first, second_address = turn("/endpoints", "next")
    second, third_address = turn(second_address, "next")
    third, end = turn(third_address, "next")
    back, _ = turn(turn(third_address, "prev")[1], "prev")

    assert [first, second, third, end] == [["/r5", "/r4"], ["/r3", "/r2"], ["/r1"], None]
    assert back == second


def test_the_list_shows_what_its_reader_may_see(reader, organization, service):
    keep_logs(service, a_log(route="/mine"))
    keep_logs(a_service(), a_log(route="/foreign"))
    keep_logs(a_service(organization, name="billing"), a_log(route="/other"))

    everything = reader.get("/endpoints").content.decode()
    one = reader.get(f"/endpoints?service_id={service.id}").content.decode()

    assert {row[0] for row in rows_of(everything)} == {"GET /mineorders", "GET /otherbilling"}
    assert [row[0] for row in rows_of(one)] == ["GET /mineorders"]


def test_a_change_of_the_filter_brings_the_part_that_changes(reader, service):
    answer = reader.get(
        "/endpoints?environment=eu", headers={"HX-Request": "true", "HX-Trigger": "log-filter"}
    )

    assert "<html" not in answer.content.decode()
    assert answer["HX-Push-Url"] == "/endpoints?environment=eu"


# --- One endpoint ------------------------------------------------------------------------------------------


def detail(reader, route, **query):
    return reader.get(f"/endpoints/{the_endpoint(route).id}", query).content.decode()


def stats_of(page):
    return dict(re.findall(r'<div class="stat[^"]*"><dt>(.*?)</dt><dd>(.*?)</dd>', page))


def table_of(page, chart_id):
    figure = re.search(rf'<figure class="chart" id="{chart_id}".*?</figure>', page, re.DOTALL)[0]
    return [
        re.findall(r'<td class="num">(.*?)</td>', row) for row in re.findall(r"<tr data-from.*?</tr>", figure)
    ]


@pytest.mark.parametrize("compacted", [False, True])
def test_one_endpoint_is_told_in_numbers_that_equal_a_count_by_hand(reader, service, compacted):
    keep_logs(service, *[a_log(route="/a", latency_ms=float(n)) for n in range(1, 100)])
    keep_logs(
        service,
        a_log(route="/a", status_code=500, latency_ms=1000.0, request_body="12345", response_bytes=250_000),
        a_log(route="/b", latency_ms=5.0, request_body="12345"),
    )
    if compacted:
        compact(now=timezone.now())

    page = detail(reader, "/a", window="1h")

    # Of 100 values: places 49.5, 94.05 and 98.01 from 0; 95.05 is written as 95.
    assert stats_of(page) == {
        "Requests": "100",
        "Error rate": "1 %",
        "p50": "50.5 ms",
        "p95": "95 ms",
        "p99": "108 ms",
        "Request bodies": "5 bytes",
        "Answer bodies": "250.0 kB",
    }
    assert "250.0 kB each, of 1 that told it" in page
    assert sum(int(cell) for row in table_of(page, "requests") for cell in row) == 100
    assert [row for row in table_of(page, "errors") if row != ["-"]] == [["1 %"]]
    assert [row for row in table_of(page, "latency") if row != ["-"] * 3] == [["50.5 ms", "95 ms", "108 ms"]]
    spread = re.search(r'<figure class="chart" id="spread".*?</figure>', page, re.DOTALL)[0]
    assert sum(int(count) for count in re.findall(r'<td class="num">(\d+)</td>', spread)) == 100


def test_the_charts_of_traffic_latency_and_errors_share_one_axis(reader, service):
    keep_logs(service, a_log(route="/a"))

    page = detail(reader, "/a", window="24h")

    spans = re.findall(r'id="(requests|latency|errors)" data-chart data-start="(.*?)" data-end="(.*?)"', page)
    assert [span[0] for span in spans] == ["requests", "latency", "errors"]
    assert len({span[1:] for span in spans}) == 1


def test_the_busiest_consumers_lead_to_their_requests(reader, service):
    keep_logs(
        service,
        *[a_log(route="/a", consumer="acme & co", latency_ms=20.0) for _ in range(3)],
        a_log(route="/a", consumer="zen", status_code=500, latency_ms=40.0),
        a_log(route="/a", latency_ms=60.0),
        a_log(route="/b", consumer="elsewhere"),
    )

    callers = section(detail(reader, "/a"), "consumers")

    cells = [words(row) for row in re.findall(r"<tr>(.*?)</tr>", callers, re.DOTALL)]
    assert cells[1] == "acme & co 3 0 % 20 ms"
    assert set(cells[2:]) == {"zen 1 100 % 40 ms", "not named 1 0 % 60 ms"}
    assert "consumer=acme%20%26%20co" in callers
    assert "elsewhere" not in callers


def test_the_slowest_requests_are_ten_and_lead_to_their_logs(reader, service):
    ids = keep_logs(service, *[a_log(route="/a", latency_ms=float(n)) for n in range(1, 31)])
    keep_logs(service, a_log(route="/b", latency_ms=99_999.0))

    slowest = section(detail(reader, "/a"), "slowest")

    shown = re.findall(r'href="/log/(.*?)"', slowest)
    assert len(shown) == 10
    assert set(shown) == {
        str(id_)
        for id_ in RequestLog.objects.filter(latency_ms__gte=21, latency_ms__lt=99).values_list(
            "id", flat=True
        )
    }
    assert shown[0] == str(RequestLog.objects.get(latency_ms=30).id)
    assert len(ids) == 30


def test_where_many_others_are_as_slow_the_newest_calls_must_do(reader, service, monkeypatch):
    monkeypatch.setattr("monitor.metrics.newest.NEWEST", 5)
    now = timezone.now()
    for n in range(20):
        at = rfc3339(now - timedelta(seconds=100 - n))
        keep_logs(service, a_log(route="/a", latency_ms=float(100 - n), consumer=f"c{n}", timestamp=at))

    real = newest.top_of
    calls = []

    def slow_first(logs):
        calls.append(logs)
        if len(calls) == 1:
            raise newest.TookTooLong
        return real(logs)

    monkeypatch.setattr(newest, "top_of", slow_first)
    page = detail(reader, "/a")

    assert "of the newest 5" in section(page, "slowest")
    assert "of the newest 5 requests" in section(page, "consumers")
    assert len(re.findall(r'href="/log/', section(page, "slowest"))) == 5


def test_deployments_are_lines_that_lead_to_the_endpoints_logs_since_then(reader, service):
    keep_logs(service, a_log(route="/a"))
    at = timezone.now() - timedelta(minutes=10)
    report_deployment(service, version="v7", environment="", at=at, reported_by="x", now=at)

    page = detail(reader, "/a", window="1h")

    assert page.count('<g class="chart-marker"><title>v7,') == 3
    link = unescape(re.search(r'<a href="([^"]*)">Logs since then', page)[1])
    assert reader.get(link).status_code == 200
    assert f"endpoint_id={the_endpoint('/a').id}" in link


def test_without_a_window_the_one_that_holds_the_last_call_is_shown(reader, service):
    at = rfc3339(timezone.now() - timedelta(hours=20))
    keep_logs(service, a_log(route="/a", timestamp=at), a_log(route="/b"))

    assert stats_of(detail(reader, "/a"))["Requests"] == "1"
    assert "Not called in the last hour" in detail(reader, "/a", window="1h")


def test_an_endpoint_that_was_never_called_says_so(reader, service):
    Endpoint.objects.create(service=service, method="GET", route="/never", first_seen_at=timezone.now())

    assert "Never called" in detail(reader, "/never")


def test_another_organizations_endpoint_is_not_there(reader):
    keep_logs(a_service(), a_log(route="/foreign"))

    assert reader.get(f"/endpoints/{the_endpoint('/foreign').id}").status_code == 404
    assert reader.get(f"/endpoints/{UNKNOWN_ID}").status_code == 404


def test_text_of_others_is_only_text_and_the_policy_holds(reader, service):
    keep_logs(service, a_log(route="/<script>alert(1)</script>", consumer="<b>x</b>", path="/<i>y</i>"))
    route = Endpoint.objects.get().route

    for page in (reader.get("/endpoints").content.decode(), detail(reader, route)):
        assert "<script>alert" not in page
        assert "<b>x" not in page
        assert "<i>y" not in page
        assert blocked_in(page) == []


def test_one_endpoint_costs_few_queries(reader, service, django_assert_max_num_queries):
    keep_logs(service, *[a_log(route="/a", consumer=f"c{n}") for n in range(30)])
    address = f"/endpoints/{the_endpoint('/a').id}"

    # Who asks; the endpoint, its last call by logs and by numbers, services, the newest log; whether clients
    # have counted; the whole, its steps and its spread; callers and their names; the slowest; deployments;
    # issues, and what clients reported.
    with django_assert_max_num_queries(36):
        reader.get(address)
