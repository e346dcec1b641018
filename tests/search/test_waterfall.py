"""A trace as a waterfall on the page of a log."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.models import RequestLog, Service
from monitor.search.waterfall import MOST_STEPS, Span, draw, trace_logs
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    rfc3339,
)
from tests.otlp.spans import CLIENT, TRACE, a_span, an_export

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_row(number: int, *, after_ms: float = 0, took_ms: float | None = 10) -> RequestLog:
    return RequestLog(
        id=UUID(int=number),
        captured_at=NOON + timedelta(milliseconds=after_ms),
        latency_ms=took_ms,
        method="GET",
        path=f"/{number}",
    )


def drawn(rows, spans):
    waterfall = draw(rows, {row.id: span for row, span in zip(rows, spans, strict=True)}, this=rows[0].id)
    return [(step.log.path, step.depth) for step in waterfall.steps]


# --- The drawing -------------------------------------------------------------------------------------------


def test_steps_lie_along_the_whole_time():
    rows = [a_row(1, took_ms=100), a_row(2, after_ms=25, took_ms=50), a_row(3, after_ms=90, took_ms=None)]

    waterfall = draw(rows, {}, this=rows[1].id)

    assert waterfall.whole_ms == 100
    assert [(step.offset_ms, step.start, step.share) for step in waterfall.steps] == [
        (0, 0, 1),
        (25, 0.25, 0.5),
        (90, 0.9, 0),
    ]
    assert [step.is_this for step in waterfall.steps] == [False, True, False]


def test_what_was_called_stands_under_what_called_it_in_order_of_time():
    rows = [a_row(number, after_ms=number) for number in range(1, 6)]
    spans = [
        Span(own="a"),
        Span(own="b", parent="a"),
        Span(own="c", parent="elsewhere"),
        Span(own="d", parent="b"),
        Span(own="e", parent="a"),
    ]

    assert drawn(rows, spans) == [("/1", 0), ("/2", 1), ("/4", 2), ("/5", 1), ("/3", 0)]


@pytest.mark.parametrize(
    "spans",
    [
        [Span(own="a", parent="b"), Span(own="b", parent="a")],
        [Span(own="a", parent="a"), Span(own="a", parent="a")],
        [Span(), Span()],
    ],
)
def test_damaged_parents_lose_no_log(spans):
    assert sorted(path for path, _ in drawn([a_row(1), a_row(2)], spans)) == ["/1", "/2"]


def test_a_trace_that_took_no_time_is_drawn_too():
    assert draw([a_row(1, took_ms=0), a_row(2, took_ms=None)], {}, this=a_row(1).id).whole_ms == 1


# --- The page ----------------------------------------------------------------------------------------------


@pytest.fixture
def service(db):
    return a_service(name="shop")


@pytest.fixture
def reader(service):
    return a_client(user=a_user(service.organization, Role.VIEWER))


def steps_on(page: str) -> list[tuple[str, int]]:
    found = re.findall(r't-request depth-(\d).*?class="mono"[^>]*>([^<]*)<', page, re.DOTALL)
    return [(path, int(depth)) for depth, path in found]


def page_of(reader, path):
    log = RequestLog.objects.get(path=path)
    return reader.get(f"/log/{log.id}").content.decode()


def test_spans_of_two_services_meet_on_one_waterfall(service, reader):
    stock = a_service(service.organization, name="stock")
    calling = {
        "http.request.method": "GET",
        "url.full": "http://stock.example/items",
        "server.address": "stock.example",
    }
    serving = {"http.request.method": "GET", "url.path": "/items", "http.route": "/items"}
    shop_spans = an_export(
        a_span(number=1),
        a_span({}, number=2, kind=1, parentSpanId=f"{1:016x}"),
        a_span(calling, number=3, kind=CLIENT, parentSpanId=f"{2:016x}"),
    )
    stock_spans = an_export(a_span(serving, number=4, parentSpanId=f"{3:016x}", flags=0x300))
    post_json(a_client(a_key(service)[1]), "/v1/traces", shop_spans)
    post_json(a_client(a_key(stock)[1]), "/v1/traces", stock_spans)

    page = page_of(reader, "/orders")

    assert steps_on(page) == [("/orders", 0), ("stock.example/items", 1), ("/items", 2)]
    assert "3 requests in" in page
    assert f"?q=trace%3A{TRACE}&amp;window=all" in page
    detail = a_client(a_key(stock, scopes=["read"])[1]).get(
        f"/v1/logs/{RequestLog.objects.get(service=stock).id}"
    )
    assert (detail.json()["span_id"], detail.json()["parent_span_id"]) == (f"{4:016x}", f"{3:016x}")


def test_a_span_leads_to_its_caller_and_to_its_trace(service, reader):
    calling = {"http.request.method": "GET", "url.full": "http://stock.example/items"}
    spans = an_export(a_span(number=1), a_span(calling, number=3, kind=CLIENT, parentSpanId=f"{1:016x}"))
    post_json(a_client(a_key(service)[1]), "/v1/traces", spans)

    page = page_of(reader, "/items")
    caller = reader.get(f"/dashboard?span_id={1:016x}&window=all").content.decode()

    assert f"?span_id={1:016x}&amp;window=all" in page
    assert f"?span_id={3:016x}&amp;window=all" in page
    assert f"?trace_id={TRACE}&amp;window=all" in page
    assert re.findall(r'href="/log/([-0-9a-f]{36})"', caller) == [
        str(RequestLog.objects.get(path="/orders").id)
    ]


def test_a_span_id_in_another_form_is_shown_and_not_searched_for(service, reader):
    keep_logs(service, a_log(path="/a", span_id="7", parent_span_id="6"))

    page = page_of(reader, "/a")

    assert ">7</span>" in page
    assert ">6</span>" in page
    assert "?span_id=" not in page


def test_a_trace_ends_at_the_wall_of_the_organization(service, reader):
    elsewhere = a_service(an_organization(), name="foreign")
    user = a_user(service.organization, Role.VIEWER)
    user.memberships.create(organization=elsewhere.organization, role=Role.VIEWER)
    earlier = rfc3339(timezone.now() - timedelta(seconds=1))
    keep_logs(service, a_log(trace_id="t", path="/a", timestamp=earlier), a_log(trace_id="u"))
    keep_logs(service, a_log(trace_id="t", path="/b"))
    keep_logs(elsewhere, a_log(trace_id="t", path="/foreign"))

    for one in (reader, a_client(user=user)):
        assert [path for path, _ in steps_on(page_of(one, "/a"))] == ["/a", "/b"]


def test_a_log_that_is_alone_has_no_waterfall(service, reader):
    keep_logs(service, a_log(path="/a", trace_id="t"), a_log(path="/b"), a_log(path="/c"))

    assert 'id="trace"' not in page_of(reader, "/a") + page_of(reader, "/b")


def test_a_long_trace_is_cut_and_still_shows_the_log_that_is_looked_at(service, reader):
    now = timezone.now()
    keep_logs(
        service,
        *(
            a_log(trace_id="t", path=f"/{number}", timestamp=rfc3339(now - timedelta(seconds=300 - number)))
            for number in range(MOST_STEPS + 5)
        ),
    )

    page = page_of(reader, f"/{MOST_STEPS + 3}")

    assert len(steps_on(page)) == MOST_STEPS
    assert "the search has all of them" in page
    assert page.count('aria-current="true"') == 1


def test_the_page_states_what_the_waterfall_asks_the_database(service, reader, django_assert_num_queries):
    without = keep_logs(service, *(a_log() for _ in range(30)))
    ids = keep_logs(service, *(a_log(trace_id="t", path=f"/{number}") for number in range(30)))
    with django_assert_num_queries(16):
        reader.get(f"/log/{without[15]}")

    # And 1 logs of the trace, 1 their payloads, within a time limit: a savepoint, its limit set and taken
    # back, its end.
    with django_assert_num_queries(22):
        reader.get(f"/log/{ids[15]}")


@pytest.mark.sql
def test_the_trace_is_found_by_its_index(service):
    now = timezone.now()
    for start in range(0, 6000, 2000):
        keep_logs(
            service,
            *(
                a_log(
                    trace_id=f"t{number // 3}", timestamp=rfc3339(now - timedelta(milliseconds=number * 10))
                )
                for number in range(start, start + 2000)
            ),
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE request_log")
    log = RequestLog.objects.select_related("service").filter(trace_id="t1000").first()
    visible = RequestLog.objects.of_services(Service.objects.values_list("id", flat=True))

    plan = trace_logs(log, visible)[: MOST_STEPS + 1].explain()

    assert f"request_log_{log.captured_at:%Y%m%d}_trace_id" in plan, plan
    assert "Seq Scan on request_log" not in plan, plan
