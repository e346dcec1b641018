"""The fast loader fills the tables as the product would have."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from bench.bench import sender_of
from bench.history.kept import loaded_before
from bench.history.load import DAYS, load_history, require_space
from bench.traffic import RARE_PATH, RARE_TAG, SERVICES
from monitor.metrics.check import check_day
from monitor.models import LogPayload, RequestLog
from monitor.models.partitions import drop_day, existing_days, make_day
from tests.factories import a_service, the_default_organization

COUNT = 2_000
NOW = datetime.now(UTC)


@pytest.fixture
def services(transactional_db):
    """Three services with a history; the days are as they were, afterwards."""
    days = existing_days()
    organization = the_default_organization()
    made = [a_service(organization, name=name) for name in SERVICES]
    load_history([sender_of(service) for service in made], COUNT, now=NOW)
    yield made
    for day in existing_days():
        drop_day(day)
    for day in days:
        make_day(day)


def test_the_loaded_history_is_what_the_product_would_have_kept(services):
    logs = RequestLog.objects.all()

    assert logs.count() == LogPayload.objects.count() == COUNT
    newest, oldest = logs.newest_first()[0], logs.order_by("id")[0]
    # Right after midnight the newest log is yesterday's, and the day that began has none.
    span = newest.captured_at.date() - oldest.captured_at.date()
    assert existing_days() == [oldest.captured_at.date() + timedelta(days=n) for n in range(span.days + 1)]
    assert timedelta() < NOW - newest.captured_at < timedelta(hours=1)
    assert timedelta(days=DAYS - 1) < NOW - oldest.captured_at <= timedelta(days=DAYS)
    # Each id carries its log's own moment, and path and url the same number.
    assert all(log.id.int >> 80 == int(log.captured_at.timestamp() * 1000) for log in logs)
    assert all(log.path in log.url for log in logs)
    traces = [log.trace_id for log in logs if log.trace_id]
    assert len(set(traces)) == len(traces) > COUNT / 3
    assert {len(trace) for trace in traces} == {32}
    rare = logs.filter(path__contains=RARE_PATH)
    assert 0 < rare.count() < COUNT / 100
    assert all(log.tags == [RARE_TAG] for log in rare)
    contents = LogPayload.objects.contents_of(newest.id)
    assert contents["response_body"].startswith("{")

    # The rollups of every day and service, recounted by the product's own check.
    checked = [
        check_day(service.id, day, repair=False, now=NOW) for service in services for day in existing_days()
    ]
    assert sum(each.requests for each in checked) == COUNT
    assert sum(each.wrong for each in checked) == 0

    # All partitions have the parent's indexes.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (SELECT count(*) FROM pg_index WHERE indrelid = inhrelid) FROM pg_inherits"
            " WHERE inhparent = 'request_log'::regclass"
        )
        per_day = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'request_log'::regclass")
        assert per_day == [cursor.fetchone()]


def test_a_history_without_room_on_the_disk_is_refused_before_it_begins(tmp_path):
    with pytest.raises(Exception, match=r"need 850002 GB of disk"):
        require_space(tmp_path, 10**12)


@pytest.mark.parametrize(("age", "is_used"), [(timedelta(hours=1), True), (timedelta(days=4), False)])
def test_a_kept_history_is_used_until_retention_would_touch_it(tmp_path, age, is_used):
    note = tmp_path / "loaded.json"
    assert loaded_before(note) is None

    note.write_text(f'{{"rows": 5, "newest": "{(datetime.now(UTC) - age).isoformat()}", "seconds": 1}}')

    assert (loaded_before(note) is not None) is is_used
