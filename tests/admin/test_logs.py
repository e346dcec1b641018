"""The log list: newest first, never counted, never without bounds."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitor.admin import endless
from monitor.models import LogPayload, RequestLog, Service
from tests.admin.conftest import SECRET, keep

pytestmark = pytest.mark.django_db

LIST = reverse("admin:monitor_requestlog_changelist")


def listed(client, **query):
    """The ids of the rows on the page, in its order, and the list itself."""
    changelist = client.get(LIST, query).context["cl"]
    return [log.id for log in changelist.result_list], changelist


def test_pages_walk_from_newest_to_oldest_and_back_and_miss_nothing(admin, service, monkeypatch):
    monkeypatch.setattr("monitor.admin.logs.RequestLogAdmin.list_per_page", 3)
    ids = keep(service, *({"path": f"/{number}"} for number in range(8)))
    ids.sort(reverse=True)

    first, page = listed(admin)
    second, page_2 = listed(admin, before=first[-1])
    third, page_3 = listed(admin, before=second[-1])
    back, _ = listed(admin, after=third[0])

    assert first + second + third == ids
    assert back == second
    assert (page.newer_url, page_3.older_url) == (None, None)
    assert page_2.newer_url == f"?after={second[0]}"
    assert page_2.older_url == f"?before={second[-1]}"


def test_a_cursor_that_is_no_id_leads_back_to_the_list(admin, service):
    keep(service, {})

    answer = admin.get(LIST, {"before": "soon"})

    assert answer.status_code == 302
    assert answer["Location"] == f"{LIST}?e=1"


def test_filters_begin_at_the_newest_row_again(admin, service):
    ids = keep(service, {}, {})

    _, page = listed(admin, before=max(ids))

    assert "before" not in page.get_query_string({"status": "5xx"})
    assert "before" not in page.params


def test_rows_are_neither_counted_nor_read_beyond_the_window(admin, service):
    keep(service, {})

    with CaptureQueriesContext(
        connection,
    ) as queries:
        admin.get(LIST)

    on_logs = [query["sql"] for query in queries if 'FROM "request_log"' in query["sql"]]
    assert len(on_logs) == 1
    assert "COUNT(" not in on_logs[0]
    assert '"request_log"."id" >= ' in on_logs[0]
    assert '"request_log"."id" < ' in on_logs[0]
    assert 'ORDER BY "request_log"."id" DESC LIMIT 51' in on_logs[0]


def test_the_last_24_hours_are_shown_unless_another_time_is_chosen(admin, service):
    (new,) = keep(service, {}, ago=timedelta(minutes=5))
    (today,) = keep(service, {}, ago=timedelta(hours=3))
    (old,) = keep(service, {}, ago=timedelta(days=3))

    assert listed(admin, last="1h")[0] == [new]
    assert listed(admin)[0] == [new, today]
    assert listed(admin, last="nonsense")[0] == [new, today]
    assert listed(admin, last="all")[0] == [new, today, old]


def test_errors_are_5xx_and_error_texts(admin, service):
    keep(service, {"status_code": 200}, {"status_code": 404}, {})
    failed = keep(service, {"status_code": 500}, {"status_code": 200, "error": "cut off"})

    assert set(listed(admin, status="failed")[0]) == set(failed)
    assert len(listed(admin, status="4xx")[0]) == 1


def test_one_service_can_be_chosen_and_an_unknown_one_changes_nothing(admin, service):
    other = Service.objects.create(organization=service.organization, name="other")
    (mine,) = keep(service, {})
    keep(other, {})

    assert listed(admin, service=service.pk)[0] == [mine]
    assert len(listed(admin, service="'; DROP TABLE")[0]) == 2


def test_a_removed_service_takes_its_logs_and_its_name_off_the_list_at_once(admin, service):
    (log_id,) = keep(service, {})
    service.mark_deleted(now=timezone.now())

    assert listed(admin)[0] == []
    assert service.name not in admin.get(LIST).text
    assert admin.get(reverse("admin:monitor_requestlog_change", args=[log_id])).status_code == 302


def test_a_log_is_found_by_its_id_span_or_trace_whatever_the_filters_say(admin, service):
    trace = uuid.uuid4()
    span = "00f067aa0ba902b7"
    (old,) = keep(service, {"trace_id": str(trace), "span_id": span}, ago=timedelta(days=3))
    keep(service, {"trace_id": "another"})

    assert listed(admin, q=str(old), last="1h")[0] == [old]
    assert listed(admin, q=f" {trace} ", last="1h")[0] == [old]
    assert listed(admin, q=span, last="1h")[0] == [old]
    assert listed(admin, q="orders")[0] == []


def test_a_search_takes_both_indexes_in_turn_and_reads_no_column_by_pattern(admin, service):
    keep(service, {})

    with CaptureQueriesContext(connection) as queries:
        admin.get(LIST, {"q": "/orders"})

    assert not any("LIKE" in query["sql"].upper() for query in queries if "request_log" in query["sql"])


def test_a_list_that_takes_too_long_says_so_and_what_to_do(admin, service, monkeypatch):
    keep(service, {})
    monkeypatch.setattr(endless, "LIMIT", timedelta(milliseconds=20))
    slow = "SELECT id FROM request_log WHERE pg_sleep(1) IS NOT NULL"
    monkeypatch.setattr(
        "monitor.admin.logs.RequestLogAdmin.get_queryset",
        lambda self, request: RequestLog.objects.extra(where=[f"id IN ({slow})"]),  # noqa: S610
    )

    answer = admin.get(LIST)

    assert answer.status_code == 200
    assert "Looking took too long" in answer.text
    # The connection is fit for use again.
    assert Service.objects.count() == 1


def test_the_page_of_a_log_shows_what_was_kept_with_secrets_masked(admin, service):
    (log_id,) = keep(
        service,
        {
            "method": "POST",
            "url": f"https://orders.example/orders?token={SECRET}&page=2",
            "request_headers": {"Authorization": f"Bearer {SECRET}", "X-Client": ["ios", "android"]},
            "request_body": f'{{"password": "{SECRET}", "sku": "A-1"}}',
            "response_headers": {"Content-Type": "text/html"},
            "response_body": "<b onclick=go()>hello</b>",
            "query_params": {"token": SECRET, "page": "2"},
        },
    )

    page = admin.get(reverse("admin:monitor_requestlog_change", args=[log_id])).text

    assert SECRET not in page
    assert "masked" in page
    for kept in ("A-1", "ios", "android", "page", "X-Client"):
        assert kept in page
    assert "&lt;b onclick=go()&gt;hello&lt;/b&gt;" in page


def test_the_page_of_a_log_leads_to_the_log_among_the_pages(admin, service):
    (log_id,) = keep(service, {})

    page = admin.get(reverse("admin:monitor_requestlog_change", args=[log_id])).text

    assert f'href="{reverse("pages:log", args=[log_id])}"' in page


def test_a_damaged_payload_is_named_and_the_rest_still_shown(admin, service):
    (log_id,) = keep(service, {"request_body": "hello", "path": "/damaged"})
    LogPayload.objects.update(packed=b"\x01garbage")

    page = admin.get(reverse("admin:monitor_requestlog_change", args=[log_id]))

    assert page.status_code == 200
    assert "The payload is damaged" in page.text
    assert "/damaged" in page.text


def test_a_body_that_the_service_does_not_keep_is_told_apart_from_an_empty_one(admin, service):
    Service.objects.update(keep_bodies="none")
    service.refresh_from_db()
    (log_id,) = keep(service, {"request_body": "hello"})

    page = admin.get(reverse("admin:monitor_requestlog_change", args=[log_id])).text

    assert "Not kept: the service" in page
