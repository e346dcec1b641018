"""A window step by step: steps that tile, empty ones included, and sums that equal the whole."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from monitor.metrics import measure, measure_over_time
from monitor.metrics.series import MAX_STEPS, step_for
from monitor.models import RequestLog
from tests.factories import a_log, a_service, keep_logs, rfc3339


@pytest.mark.parametrize(
    ("window", "step"),
    [
        (timedelta(seconds=1), timedelta(seconds=1)),
        (timedelta(seconds=90), timedelta(seconds=1)),
        (timedelta(minutes=15), timedelta(seconds=10)),
        (timedelta(hours=1), timedelta(minutes=1)),
        (timedelta(days=1), timedelta(minutes=30)),
        (timedelta(days=30), timedelta(hours=12)),
        (timedelta(days=4000), timedelta(days=7)),
    ],
)
def test_a_window_gets_the_finest_step_that_gives_few_enough(window, step):
    end = datetime(2026, 3, 14, 12, tzinfo=UTC)

    assert step_for(end - window, end) == step


@pytest.mark.django_db
def test_steps_tile_the_window_and_add_up_to_it():
    end = timezone.now().replace(second=0, microsecond=0)
    since, until, step = end - timedelta(hours=1), end, timedelta(minutes=5)
    service = a_service()
    keep_logs(
        service,
        *[
            a_log(
                timestamp=rfc3339(since + timedelta(minutes=minute)),
                status_code=[200, 404, 500, None][minute % 4],
                latency_ms=float(minute),
            )
            for minute in (0, 1, 4, 5, 17, 18, 19, 59)
        ],
        a_log(timestamp=rfc3339(since - timedelta(minutes=6))),
        a_log(timestamp=rfc3339(until)),
    )

    buckets = measure_over_time(RequestLog.objects.all(), since=since, until=until, step=step)

    starts = [bucket.start for bucket in buckets]
    assert all(later - earlier == step for earlier, later in pairwise(starts))
    assert starts[0] <= since < starts[0] + step
    assert starts[-1] < until
    assert len(buckets) <= MAX_STEPS
    whole = measure(RequestLog.objects.within(since, until))
    assert sum(bucket.total for bucket in buckets) == whole.total_requests == 8
    assert sum(bucket.errors for bucket in buckets) == whole.error_count
    assert sum(sum(bucket.by_class.values()) for bucket in buckets) == 8
    assert {name for bucket in buckets for name in bucket.by_class} == {"2xx", "4xx", "5xx", "none"}
    empty = [bucket for bucket in buckets if not bucket.total]
    assert all((bucket.p50, bucket.p95, bucket.by_class) == (None, None, {}) for bucket in empty)
    assert len(empty) >= 7


@pytest.mark.django_db
def test_an_empty_window_has_its_steps_all_the_same():
    end = datetime.now(UTC).replace(second=0, microsecond=0)

    buckets = measure_over_time(
        RequestLog.objects.all(), since=end - timedelta(minutes=10), until=end, step=timedelta(minutes=1)
    )

    assert [bucket.total for bucket in buckets] == [0] * 10
