"""Each filter that stands alone has an index that its condition can use."""

import pytest
from django.db import connection
from django.db.models import QuerySet

from monitor.models import RequestLog
from monitor.search.clauses import narrowed
from monitor.search.language import parse
from tests.factories import a_log, a_service, keep_logs

pytestmark = [pytest.mark.django_db, pytest.mark.sql]


def index_used(logs: QuerySet) -> str:
    """The plan when nothing but an index of the filter is left to the planner."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # The order by id would walk the primary key; a plain look-up shows which index the filter has.
        return logs.order_by().explain()


@pytest.mark.parametrize(
    ("q", "column"),
    [
        ("status:404", "status_code"),
        ("status:4xx", "status_code"),
        ("method:PATCH", "method"),
        ("env:canary", "environment"),
        ("latency:>500", "latency_ms"),
        ("latency:100..101", "latency_ms"),
        ("tag:rare", "tags"),
        ("trace:abc", "trace_id"),
        ("span:00f067aa0ba902b7", "span_id"),
        ("consumer:acme", "consumer_id"),
        ("endpoint:/orders", "endpoint_id"),
    ],
)
def test_a_filter_alone_has_an_index(q, column):
    keep_logs(a_service(), a_log(consumer="acme", tags=["rare"]))

    # Without a window, for which the primary key of a table of one row would do as well.
    plan = index_used(narrowed(RequestLog.objects.all(), parse(q).terms))

    day = RequestLog.objects.get().captured_at
    assert f"request_log_{day:%Y%m%d}_{column}" in plan, plan
