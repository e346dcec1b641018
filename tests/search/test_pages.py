"""The log table and the page of one log, as a browser gets them."""

import re
from dataclasses import replace
from datetime import timedelta
from html import escape, unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.lib.actors import Role
from monitor.models import AlertRule, Consumer, Endpoint, Replay, RequestLog
from monitor.search import finding, pages, traffic, walk
from monitor.search.walk import Walk
from tests.factories import a_client, a_log, a_rule, a_service, a_user, an_organization, keep_logs, rfc3339

pytestmark = pytest.mark.django_db
EVIL = '"><script>alert(1)</script>'


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


def rows_of(answer):
    """The ids of the rows on the page, in order."""
    return re.findall(r'data-row data-id="([0-9a-f-]+)"', answer.content.decode())


def text_of(answer):
    """The words on the page, with single spaces."""
    page = re.sub(r"</(td|th|li|dt|dd|p)>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", unescape(strip_tags(page)))


def link(answer, words):
    """Where the link with these words leads."""
    for href, inside in re.findall(
        r'<a[^>]* href="([^"]*)"[^>]*>(.*?)</a>', answer.content.decode(), re.DOTALL
    ):
        if unescape(strip_tags(inside)).strip() == words:
            return unescape(href)
    raise AssertionError(f"no link says {words!r}")


# --- The table ---------------------------------------------------------------------------------------------


def test_the_newest_request_stands_first(reader, service):
    older, newer = keep_logs(service, a_log(timestamp=ago(minutes=5)), a_log(timestamp=ago(minutes=1)))

    assert rows_of(reader.get("/dashboard")) == [str(newer), str(older)]


def test_strangers_are_sent_to_the_sign_in_page(service):
    (log_id,) = keep_logs(service, a_log())

    for address in ("/dashboard", "/metrics-ui", f"/log/{log_id}"):
        answer = a_client().get(address)
        assert answer.status_code == 302
        assert answer["Location"] == f"/login?next={address}"


def test_an_anonymous_visitor_reads_where_that_was_asked_for(settings, service):
    settings.ANONYMOUS_ACCESS = "read"

    assert a_client().get("/dashboard").status_code == 200


def test_what_another_organization_owns_is_neither_listed_nor_found(reader):
    foreign = a_service(name="theirs")
    (log_id,) = keep_logs(foreign, a_log(path="/secret-path"))

    for address in ("/dashboard", f"/dashboard?service_id={foreign.id}", "/metrics-ui?window=all"):
        answer = reader.get(address)
        assert answer.status_code == 200
        assert "/secret-path" not in answer.content.decode()
        assert "theirs" not in answer.content.decode()
    assert reader.get(f"/log/{log_id}").status_code == 404


def test_an_endpoint_of_another_organization_is_not_named(reader, service):
    keep_logs(service, a_log())
    foreign = a_service()
    keep_logs(foreign, a_log(route="/their/secret/{route}"))
    endpoint = Endpoint.objects.get(service=foreign)

    assert "/their/secret" not in reader.get(f"/dashboard?endpoint_id={endpoint.id}").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("path=payments", ["POST /v1/payments"]),
        ("method=delete", ["DELETE /v1/orders/7"]),
        ("status_class=5xx", ["POST /v1/payments"]),
        ("status_code=204", ["DELETE /v1/orders/7"]),
        ("min_latency_ms=100&max_latency_ms=900", ["POST /v1/payments"]),
        ("has_error=true", ["POST /v1/payments"]),
        ("tag=beta", ["GET /v1/orders"]),
        ("consumer=acme", ["GET /v1/orders"]),
        ("environment=staging", ["DELETE /v1/orders/7"]),
        ("trace_id=abc", ["GET /v1/orders"]),
        ("path=orders&status_class=2xx", ["DELETE /v1/orders/7", "GET /v1/orders"]),
    ],
)
def test_each_filter_of_the_api_narrows_the_page_too(reader, service, query, expected):
    keep_logs(
        service,
        a_log(path="/v1/orders", tags=["beta"], consumer="acme", trace_id="abc", timestamp=ago(minutes=3)),
        a_log(
            method="DELETE",
            path="/v1/orders/7",
            status_code=204,
            environment="staging",
            latency_ms=5.0,
            timestamp=ago(minutes=2),
        ),
        a_log(
            method="POST",
            path="/v1/payments",
            status_code=503,
            error="boom",
            latency_ms=500.0,
            timestamp=ago(minutes=1),
        ),
    )

    found = [RequestLog.objects.get(id=row) for row in rows_of(reader.get(f"/dashboard?{query}"))]

    assert [str(log) for log in found] == expected


def test_every_value_of_a_row_is_a_filter_that_keeps_the_others(reader, service):
    keep_logs(service, a_log(tags=["beta"], consumer="acme & co", environment="prod", status_code=404))

    page = reader.get("/dashboard?path=orders&window=24h")

    assert link(page, "404") == "?path=orders&window=24h&status_code=404"
    assert link(page, "GET") == "?path=orders&window=24h&method=GET"
    assert link(page, "beta") == "?path=orders&window=24h&tag=beta"
    assert link(page, "acme & co") == "?path=orders&window=24h&consumer=acme+%26+co"
    assert link(page, "orders") == f"?path=orders&window=24h&service_id={service.id}"
    assert link(page, "prod") == "?path=orders&window=24h&environment=prod"
    assert f"endpoint_id={Endpoint.objects.get().id}" in page.content.decode()


def test_each_filter_that_is_set_can_be_taken_away(reader, service):
    keep_logs(service, a_log())

    page = reader.get(f"/dashboard?path=orders&service_id={service.id}&window=7d").content.decode()

    chips = re.findall(r'<li class="chip">(\S.*?) <b>(.*?)</b> <a class="chip-x" href="(.*?)"', page)
    assert [(label, value, unescape(href)) for label, value, href in chips] == [
        ("Service", "orders", "?path=orders&window=7d"),
        ("Path contains", "orders", f"?service_id={service.id}&window=7d"),
    ]


def test_a_filter_that_cannot_be_used_is_told_beside_its_field(reader, service):
    keep_logs(service, a_log())

    answer = reader.get("/dashboard?status_code=abc&since=yesterday&path=orders")
    page = answer.content.decode()

    assert rows_of(answer) == []
    beside = re.search(r'id="errors-status_code">(.*?)</div>', page, re.DOTALL)[1]
    assert "Enter a whole number." in beside
    assert "Use RFC 3339" in re.search(r'id="errors-since">(.*?)</div>', page, re.DOTALL)[1]
    assert 'value="abc"' in page
    assert "This filter cannot be used" in page


def test_a_row_shows_the_route_and_the_path_where_they_differ(reader, service):
    keep_logs(service, a_log(path="/orders/17", route="/orders/{id}"), a_log(path="/health", route="/health"))

    page = reader.get("/dashboard").content.decode()

    assert '<span class="raw-path">/orders/17</span>' in page
    assert '<span class="raw-path">/health</span>' not in page


def test_a_row_tells_its_class_by_colour_and_by_a_mark(reader, service):
    keep_logs(service, a_log(status_code=503), a_log(status_code=404), a_log(status_code=None))

    page = reader.get("/dashboard").content.decode()

    for kind, glyph in (("5xx", "icon-cross"), ("4xx", "icon-warn"), ("none", "icon-dash")):
        row = re.search(rf'<tr class="row-{kind}".*?</tr>', page, re.DOTALL)[0]
        assert glyph in row


def test_text_of_others_is_only_text(reader, service):
    (log_id,) = keep_logs(
        service,
        a_log(
            url=f"https://shop.example/{EVIL}",
            path=f"/{EVIL}",
            route=f"/{EVIL}",
            error=EVIL,
            tags=[EVIL],
            consumer=EVIL,
            environment=EVIL,
            trace_id=EVIL,
            request_headers={"X": EVIL},
            request_body=f'{{"a": "{EVIL[2:]}"}}',
            response_body=EVIL,
            query_params={"a": EVIL},
        ),
    )

    for address in ("/dashboard", f"/log/{log_id}", "/metrics-ui", f"/dashboard?path={EVIL}&tag={EVIL}"):
        assert "<script>alert" not in reader.get(address).content.decode()


def test_pages_hold_under_a_strict_content_security_policy(reader, service):
    (log_id,) = keep_logs(service, a_log(request_body='{"a": 1}', error="boom"))

    for address in ("/dashboard?live=1", f"/log/{log_id}", "/metrics-ui", "/dashboard?path=none"):
        answer = reader.get(address)
        page = answer.content.decode()
        assert re.findall(r"\sstyle=|<style|\son\w+=|<script(?![^>]* src=)|javascript:", page) == []
        assert "unsafe" not in answer["Content-Security-Policy"]
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids))


# --- Pages of the table ------------------------------------------------------------------------------------


def test_pages_turn_to_older_and_back_to_newer_with_their_filters(reader, service, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 2)
    kept = [
        str(log_id)
        for log_id in keep_logs(service, *(a_log(timestamp=ago(seconds=60 - n)) for n in range(5)))
    ]
    first = reader.get("/dashboard?path=orders&window=1h")

    second = reader.get("/dashboard" + link(first, "Older"))
    third = reader.get("/dashboard" + link(second, "Older"))
    back = reader.get("/dashboard" + link(third, "Newer"))

    assert [rows_of(page) for page in (first, second, third, back)] == [
        kept[:-3:-1],
        kept[2:0:-1],
        kept[:1],
        kept[2:0:-1],
    ]
    assert "path=orders&window=1h&cursor=" in link(first, "Older")


def test_above_the_first_page_there_is_the_first_page(reader, service, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 2)
    kept = keep_logs(service, *(a_log(timestamp=ago(seconds=60 - n)) for n in range(4)))
    second = reader.get("/dashboard" + link(reader.get("/dashboard"), "Older"))

    first = reader.get("/dashboard" + link(second, "Newer"))

    assert rows_of(first) == [str(kept[3]), str(kept[2])]
    assert 'rel="prev"' not in first.content.decode()


def test_a_damaged_cursor_means_the_newest_page(reader, service):
    (log_id,) = keep_logs(service, a_log())

    assert rows_of(reader.get("/dashboard?cursor=nonsense")) == [str(log_id)]


# --- The window and the chart ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "count"), [("15m", 1), ("1h", 2), ("24h", 3), ("7d", 4), ("all", 5), ("", 2), ("3h", 2)]
)
def test_a_window_is_named_by_a_word_and_is_counted(reader, service, window, count):
    ages = (
        timedelta(minutes=1),
        timedelta(minutes=40),
        timedelta(hours=5),
        timedelta(days=3),
        timedelta(days=9),
    )
    keep_logs(service, *(a_log(timestamp=rfc3339(timezone.now() - age)) for age in ages))

    page = reader.get(f"/dashboard?window={window}" if window else "/dashboard")

    assert len(rows_of(page)) == count
    assert f"{count} request" in text_of(page)


def test_without_a_window_the_shortest_that_holds_the_newest_request_is_shown(reader, service):
    keep_logs(service, a_log(timestamp=ago(hours=30)))

    page = reader.get("/dashboard")

    assert len(rows_of(page)) == 1
    assert "1 request in the last 7 days" in text_of(page)
    assert re.search(r'<a href="\?window=7d" aria-current="true">7d</a>', page.content.decode())


def test_a_window_of_two_moments_overrules_a_word(reader, service):
    keep_logs(service, a_log(timestamp=ago(hours=3)), a_log(timestamp=ago(minutes=1)))

    answer = reader.get("/dashboard", {"window": "1h", "since": ago(hours=4), "until": ago(hours=2)})

    assert answer.status_code == 302
    assert "window" not in answer["Location"]
    assert len(rows_of(reader.get(answer["Location"]))) == 1


def test_the_chart_counts_every_class(reader, service):
    statuses = (200, 201, 301, 404, 404, 500, None, 101, 999)
    keep_logs(service, *(a_log(status_code=status) for status in statuses))

    chart = re.search(
        r'<figure class="chart" id="traffic".*?</figure>',
        reader.get("/dashboard").content.decode(),
        re.DOTALL,
    )[0]

    legend = re.findall(r'chart-legend-name">(\w+)</span><span class="chart-legend-value">(\d+)', chart)
    assert dict(legend) == {"2xx": "2", "3xx": "1", "4xx": "2", "5xx": "1", "Other": "3"}


def test_a_window_that_holds_too_much_is_charted_in_part_and_the_page_says_so(reader, service, monkeypatch):
    keep_logs(
        service,
        *(a_log(timestamp=ago(hours=hours)) for hours in range(1, 20)),
        a_log(timestamp=ago(seconds=5)),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE request_log")
    monkeypatch.setattr(traffic, "MAX_COUNTED_LOGS", 8)

    # A part of a path is nothing that rollups could tell.
    page = text_of(reader.get("/dashboard?window=24h&path=orders"))

    assert "The chart begins" in page
    assert re.search(r"about \d+ requests in the last 24 hours", page)


def test_an_empty_window_of_moments_is_answered_calmly(reader, service):
    keep_logs(service, a_log())

    answer = reader.get("/dashboard", {"since": ago(hours=1), "until": ago(hours=2)})

    assert answer.status_code == 200
    assert "No request matches in this window" in text_of(answer)


@pytest.mark.django_db(transaction=True)
def test_a_search_that_takes_too_long_is_stopped_and_says_what_to_narrow(reader, service, monkeypatch):
    keep_logs(service, a_log())
    monkeypatch.setattr(Walk, "_search", lambda *arguments: slow_query())

    answer = reader.get("/dashboard?window=7d")

    assert answer.status_code == 200
    assert "This takes too long to look up while you wait" in text_of(answer)
    assert link(answer, "1h") == "?window=1h"


def test_a_search_without_a_chart_says_why(reader, service, monkeypatch):
    keep_logs(service, a_log(error="card declined"))

    quoted = text_of(reader.get("/dashboard", {"q": '"card declined"'}))
    assert "No chart: quoted text is looked for in bodies" in quoted
    assert "No chart" not in text_of(reader.get("/dashboard"))

    found = pages.find_page
    monkeypatch.setattr(pages, "find_page", lambda *asked: replace(found(*asked), is_complete=False))
    assert "No chart: the search has not come to its end." in text_of(reader.get("/dashboard"))


@pytest.mark.django_db(transaction=True)
def test_a_chart_that_takes_too_long_leaves_the_rows(reader, service, monkeypatch):
    (log_id,) = keep_logs(service, a_log())
    monkeypatch.setattr(pages, "draw_traffic", lambda *arguments, **options: slow_query())

    answer = reader.get("/dashboard")

    assert rows_of(answer) == [str(log_id)]
    assert "No chart" in text_of(answer)


def slow_query():
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '20', true)")
        cursor.execute("SELECT pg_sleep(10)")


# --- Form and htmx -----------------------------------------------------------------------------------------


def test_a_form_sent_without_scripts_leads_to_a_tidy_address(reader):
    answer = reader.get("/dashboard?path=%2Forders&method=&status_code=&window=24h&cursor=x")

    assert answer.status_code == 302
    assert answer["Location"] == "/dashboard?path=%2Forders&window=24h&cursor=x"


def test_a_change_of_a_filter_brings_the_part_that_changes_and_the_address(reader, service):
    keep_logs(service, a_log())

    answer = reader.get(
        "/dashboard?path=orders&method=", headers={"HX-Request": "true", "HX-Trigger": "log-filter"}
    )
    part = answer.content.decode()

    assert "<html" not in part
    assert part.count('id="results"') == 1
    assert len(rows_of(answer)) == 1
    assert answer["HX-Push-Url"] == "/dashboard?path=orders"
    assert "HX-Request" in answer["Vary"]


def test_errors_beside_fields_come_and_go_with_the_part(reader):
    headers = {"HX-Request": "true", "HX-Trigger": "log-filter"}

    wrong = reader.get("/dashboard?status_code=x", headers=headers).content.decode()
    right = reader.get("/dashboard?status_code=200", headers=headers).content.decode()

    place = r'id="errors-status_code" hx-swap-oob="true">(.*?)</div>'
    assert "whole number" in re.search(place, wrong, re.DOTALL)[1]
    assert re.search(place, right, re.DOTALL)[1].strip() == ""


def test_going_back_in_history_brings_the_whole_page(reader):
    answer = reader.get("/dashboard", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})

    assert "<html" in answer.content.decode()


def test_the_live_table_asks_again_for_what_it_shows_and_old_pages_stand_still(
    reader, service, monkeypatch, settings
):
    settings.WEB_INTERFACE = "wsgi"
    monkeypatch.setattr(pages, "ROWS", 1)
    keep_logs(service, a_log(timestamp=ago(seconds=9)), a_log())

    live = reader.get("/dashboard?path=orders&live=1")
    older = reader.get("/dashboard" + link(live, "Older"))

    assert 'hx-get="/dashboard?path=orders&amp;live=1"' in live.content.decode()
    assert 'hx-trigger="every 5s"' in live.content.decode()
    assert "data-tail" not in live.content.decode()
    assert "every 5s" not in older.content.decode()
    assert link(older, "Back to the newest") == "?path=orders&live=1"
    assert "This server does not stream" in reader.get("/dashboard").content.decode()


def test_where_the_server_streams_the_live_table_names_the_stream_of_what_it_shows(reader, service):
    keep_logs(service, a_log())

    live = reader.get("/dashboard?q=path%3Aorders&window=1h&live=1").content.decode()

    assert 'data-tail="/v1/logs/tail?q=path%3Aorders&amp;fields=id"' in live
    assert 'data-tail-rows="/dashboard/rows?q=path%3Aorders&amp;window=1h&amp;live=1"' in live
    assert "data-tail" not in reader.get("/dashboard").content.decode()


def test_rows_are_given_by_id_with_links_that_keep_the_page_and_only_to_who_may_see_them(reader, service):
    own = keep_logs(service, a_log(path="/a"), a_log(path="/b"))
    foreign = keep_logs(a_service(), a_log(path="/theirs"))
    ids = ",".join(map(str, [*own, *foreign, "nonsense"]))

    page = reader.get("/dashboard/rows", {"ids": ids, "live": "1", "full_ms": "nan"}).content.decode()

    assert page.count("data-row ") == 2
    assert "/theirs" not in page
    assert 'href="?live=1&amp;method=GET"' in page
    assert "data-row " not in reader.get("/dashboard/rows").content.decode()


def test_pages_of_logs_are_kept_by_no_shared_cache(reader):
    assert "private" in reader.get("/dashboard")["Cache-Control"]


# --- Nothing to show ---------------------------------------------------------------------------------------


def test_before_the_first_log_the_page_says_how_to_send_one(reader, service, settings):
    page = text_of(reader.get("/dashboard"))

    assert "No requests yet" in page
    assert f"curl -X POST '{settings.PUBLIC_URL}/v1/logs'" in page


def test_without_a_match_the_page_says_what_to_take_away(reader, service):
    keep_logs(service, a_log(timestamp=ago(hours=2)))

    page = reader.get("/dashboard?path=nothing&window=1h")

    assert "No request matches in the last hour" in text_of(page)
    assert link(page, "Path contains nothing") == "?window=1h"
    assert link(page, "Look through everything kept") == "?path=nothing&window=all"


# --- Cost --------------------------------------------------------------------------------------------------


def test_the_table_costs_the_same_number_of_queries_however_long_it_is(
    reader, service, django_assert_max_num_queries
):
    logs = [
        a_log(consumer=f"consumer {n}", route=f"/orders/{n}", tags=["a"], environment="e") for n in range(30)
    ]
    keep_logs(service, *logs)

    # 3 who asks, 2 services, 1 newest, 1 rows (2 when midnight lies within the hour), 2 saved views and where
    # new ones may go, 1 what was let go, 3 guesses and counts, 8 for two limits: savepoint, set, set back,
    # release.
    with django_assert_max_num_queries(22):
        reader.get("/dashboard")


def test_one_log_costs_few_queries(reader, service, django_assert_num_queries):
    log_id = keep_logs(service, *(a_log(consumer="acme") for _ in range(30)))[15]

    # 3 who asks, 1 services, 1 log, 1 payload, 1 alert events, 1 replays, 1 both neighbours; the latencies in
    # 3 steps of days, within a time limit: a savepoint, its limit set and taken back, its end.
    with django_assert_num_queries(16):
        reader.get(f"/log/{log_id}")


# --- The search box ----------------------------------------------------------------------------------------


def test_the_search_box_narrows_and_keeps_its_words(reader, service):
    keep_logs(service, a_log(status_code=200, request_body="one"))
    (wanted,) = keep_logs(service, a_log(status_code=503, request_body='card "declined" <b>'))

    for q in ("status:5xx", '"card"', "-status:200", r'status:5xx "\"declined\" <b>"'):
        answer = reader.get("/dashboard", {"q": q, "window": "24h"})
        assert rows_of(answer) == [str(wanted)], q
        assert f'value="{escape(q)}"' in answer.content.decode()


def test_an_error_stands_under_the_token_with_a_link_to_what_was_meant(reader, service):
    keep_logs(service, a_log())

    answer = reader.get("/dashboard", {"q": "method:GET statsu:404 <i>", "window": "24h"})
    page = answer.content.decode()

    assert "method:GET <mark>statsu</mark>:404 &lt;i&gt;" in page
    assert link(answer, "status") == "?window=24h&q=method%3AGET+status%3A404+%3Ci%3E"
    assert rows_of(answer) == []
    part = reader.get("/dashboard", {"q": "statsu:404"}, headers={"HX-Request": "true"}).content.decode()
    assert 'id="errors-q" hx-swap-oob="true"><p class="query-fault">' in part


def test_a_window_in_the_search_is_not_narrowed_by_the_default_one(reader, service):
    keep_logs(service, a_log(timestamp=ago(minutes=1)), a_log(timestamp=ago(days=3)))

    assert len(rows_of(reader.get("/dashboard"))) == 1
    assert len(rows_of(reader.get("/dashboard?q=since:7d"))) == 2
    assert len(rows_of(reader.get("/dashboard?q=since:7d&window=24h"))) == 1


def test_a_search_whose_time_is_over_says_how_far_it_came_and_continues(reader, service, monkeypatch):
    ids = keep_logs(service, *(a_log(path=f"/{n}", timestamp=ago(minutes=n)) for n in range(8)))
    monkeypatch.setattr(finding, "TIME", timedelta(microseconds=1))
    monkeypatch.setattr(walk, "SMALLEST_SLICE", 3)

    answer = reader.get("/dashboard?q=path:/7&window=24h")
    assert "Nothing found yet" in text_of(answer)
    answer = reader.get("/dashboard" + link(answer, "Continue"))

    assert rows_of(answer) == [str(ids[7])]


def test_quoted_text_is_refused_where_it_cannot_be_measured(reader, service):
    keep_logs(service, a_log())

    answer = reader.get("/metrics-ui", {"q": 'method:GET "card"'})

    assert "<mark>&quot;card&quot;</mark>" in answer.content.decode()
    assert "cannot" in text_of(answer)


# --- One log -----------------------------------------------------------------------------------------------


def test_one_log_shows_everything_that_was_kept(reader, service):
    (log_id,) = keep_logs(
        service,
        a_log(
            method="POST",
            url="https://shop.example/orders/17?page=2",
            path="/orders/17",
            route="/orders/{id}",
            query_params={"page": "2", "ids": [1, 2]},
            request_headers={"Accept": "text/html", "Accept-Language": ["en", "de"]},
            request_body='{"sku":"A-1","qty":2}',
            response_headers={"Content-Type": "application/json"},
            response_body='{"id":17}',
            status_code=201,
            latency_ms=12345.6,
            error="late\nTraceback: everything",
            tags=["beta"],
            consumer="acme",
            environment="prod",
            trace_id="abc123",
            event_id="event-9",
            timestamp=ago(minutes=1),
        ),
    )

    page = text_of(reader.get(f"/log/{log_id}"))

    for words in (
        "201 POST /orders/17",
        "12.346 s",
        "/orders/{id}",
        "https://shop.example/orders/17?page=2",
        "acme",
        "prod",
        "abc123",
        "event-9",
        "beta",
        "late Traceback: everything",
        '"sku": "A-1"',
        '{"sku":"A-1","qty":2}',
        '"id": 17',
        "Accept-Language",
        "21 bytes",
        "curl --globoff",
    ):
        assert words in page, words


def test_times_show_their_exact_value_on_hover(reader, service):
    at = timezone.now().replace(microsecond=123_000) - timedelta(minutes=3)
    (log_id,) = keep_logs(service, a_log(timestamp=rfc3339(at)))

    assert f'title="{at:%Y-%m-%d %H:%M:%S}.123 UTC"' in reader.get(f"/log/{log_id}").content.decode()


def test_masked_values_stand_under_a_lock(reader, service):
    (log_id,) = keep_logs(
        service,
        a_log(
            url="https://shop.example/orders?token=hunter2",
            request_headers={"Authorization": "Bearer hunter2"},
            request_body='{"password": "hunter2"}',
        ),
    )

    page = reader.get(f"/log/{log_id}").content.decode()

    assert "hunter2" not in page
    # In the address, the header, the laid-out body and the raw body.
    assert page.count('class="masked"') == 4
    assert "Masked values stand in it" in page


def test_a_cut_body_says_how_much_of_it_was_kept(reader, service, settings):
    settings.MAX_BODY_BYTES = 1000
    (log_id,) = keep_logs(service, a_log(request_body="ü" * 2000))

    assert "Cut: the first 1.0 kB of 4.0 kB were kept." in text_of(reader.get(f"/log/{log_id}"))


@pytest.mark.parametrize(
    ("keep_bodies", "reason"),
    [
        ("none", "9 bytes were sent and not kept: this service keeps no bodies (keep_bodies is none)."),
        ("errors", "9 bytes were sent and not kept: this service keeps bodies of failed calls only"),
    ],
)
def test_a_body_that_was_not_kept_says_why(reader, organization, keep_bodies, reason):
    service = a_service(organization, keep_bodies=keep_bodies)
    (log_id,) = keep_logs(service, a_log(response_body="some text"))

    assert reason in text_of(reader.get(f"/log/{log_id}"))


def test_what_there_is_to_read_is_the_first_tab(reader, service):
    (log_id,) = keep_logs(service, a_log(request_headers={"Accept": "*/*"}, response_body="{}"))

    page = reader.get(f"/log/{log_id}").content.decode()

    tabs = re.findall(r'id="(request|response)-\w+" data-tab="(\w+)"', page)
    assert tabs == [
        ("request", "Headers"),
        ("request", "Body"),
        ("response", "Body"),
        ("response", "Raw"),
        ("response", "Headers"),
    ]


def test_the_alerts_and_replays_of_a_log_are_told(reader, service):
    rule = a_rule(service, "status_code >= 500", name="Server errors")
    (log_id,) = keep_logs(service, a_log(status_code=503))
    Replay.objects.create(
        service=service,
        original_log_id=log_id,
        method="GET",
        url="https://shop.example/",
        status="success",
        status_code=204,
        latency_ms=31.5,
        replayed_at=timezone.now(),
        replayed_by="user:ada",
    )

    answer = reader.get(f"/log/{log_id}")

    assert AlertRule.objects.get() == rule
    assert f'href="/alerts-ui/{rule.id}">Server errors</a>' in answer.content.decode()
    assert "204 31.5 ms user:ada" in text_of(answer)


def test_neighbours_are_the_next_requests_of_the_same_service(reader, organization, service):
    other = a_service(organization)
    first, second, third = keep_logs(service, *(a_log(timestamp=ago(seconds=60 - 20 * n)) for n in range(3)))
    keep_logs(other, a_log(timestamp=ago(seconds=39)), a_log(timestamp=ago(seconds=41)))

    page = reader.get(f"/log/{second}").content.decode()

    assert f'rel="prev" href="/log/{third}"' in page
    assert f'rel="next" href="/log/{first}"' in page
    assert 'rel="next"' not in reader.get(f"/log/{first}").content.decode()


def test_a_latency_is_held_against_the_calls_of_its_endpoint_before_it(reader, service):
    fast = [a_log(latency_ms=float(n), timestamp=ago(seconds=200 - n)) for n in range(40)]
    *_, log_id = keep_logs(service, *fast, a_log(latency_ms=29.5, timestamp=ago(seconds=1)))

    assert "slower than 75 % of its endpoint" in text_of(reader.get(f"/log/{log_id}"))


def test_a_handful_of_calls_is_no_comparison(reader, service):
    *_, log_id = keep_logs(service, *(a_log(timestamp=ago(seconds=20 - n)) for n in range(5)))

    assert "of its endpoint" not in text_of(reader.get(f"/log/{log_id}"))


@pytest.mark.parametrize(("role", "offered"), [(Role.VIEWER, False), (Role.MEMBER, True)])
def test_replay_is_offered_to_those_who_may(organization, service, role, offered):
    (log_id,) = keep_logs(service, a_log())
    person = a_client(user=a_user(organization, role))

    assert (f'href="/replay/{log_id}"' in person.get(f"/log/{log_id}").content.decode()) is offered


def test_an_unknown_log_is_not_found(reader):
    assert reader.get(f"/log/{uuid4()}").status_code == 404


def test_a_consumer_keeps_its_given_name_in_the_table(reader, service):
    keep_logs(service, a_log(consumer="c-1"))
    Consumer.objects.update(name="Acme Corporation")

    page = reader.get("/dashboard")

    assert link(page, "Acme Corporation") == "?consumer=c-1"
