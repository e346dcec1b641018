"""Searches that do not come to an end in time: how far they came, and that continuing misses nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from monitor.lib.time_limit import TookTooLong
from monitor.models import RequestLog
from monitor.search import finding, walk
from monitor.search.walk import Walk
from tests.factories import a_client, a_key, a_log, a_service, keep_logs, rfc3339
from tests.search.test_paging import next_page

NOW = timezone.now()
SINCE, UNTIL = NOW - timedelta(days=20), NOW + timedelta(minutes=1)
GENEROUS = timedelta(minutes=1)


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


@pytest.fixture
def logs(service):
    """Ten ids, newest first, over days of which some are empty."""
    days = (0, 0, 0, 1, 2, 5, 5, 6, 14, 19)
    sent = [
        a_log(path=f"/{at}", timestamp=rfc3339(NOW - timedelta(days=day, seconds=at)))
        for at, day in enumerate(days)
    ]
    return sorted(keep_logs(service, *sent), reverse=True)


def a_walk(**options):
    return Walk.within(RequestLog.objects.all(), SINCE, UNTIL, **{"limit": GENEROUS, **options})


def ids(rows):
    return [row.id for row in rows]


@pytest.fixture
def impatient(monkeypatch):
    """The time is over as soon as a slice of three rows has been searched, and days never end in time."""

    def never(self, count, read):
        raise TookTooLong("days")

    monkeypatch.setattr(Walk, "_take_days", never)
    monkeypatch.setattr(walk, "SMALLEST_SLICE", 3)
    monkeypatch.setattr(walk, "SLICE", 3)
    monkeypatch.setattr(finding, "TIME", timedelta(microseconds=1))
    monkeypatch.setattr(finding, "TIME_FOR_TEXT", timedelta(microseconds=1))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 50])
@pytest.mark.parametrize("upwards", [False, True])
def test_a_walk_gives_every_row_once_in_its_direction(logs, count, upwards):
    expected = logs[::-1] if upwards else logs
    going = a_walk(upwards=upwards)

    seen = []
    while not going.is_over:
        rows = ids(going.take(count))
        assert len(rows) <= count
        seen += rows

    assert seen == expected


@pytest.mark.parametrize("upwards", [False, True])
def test_another_walk_continues_from_the_place_of_one(logs, upwards):
    expected = logs[::-1] if upwards else logs
    seen, after = [], None
    for _ in range(5):
        going = a_walk(upwards=upwards, after=after)
        seen += ids(going.take(2))
        after = going.place

    assert seen == expected


@pytest.mark.parametrize("upwards", [False, True])
def test_slices_give_the_same_rows_as_days(logs, monkeypatch, upwards):
    monkeypatch.setattr(walk, "SLICE", 2)
    going = a_walk(upwards=upwards)
    going.slice = 2

    assert ids(going.take(50)) == (logs[::-1] if upwards else logs)
    assert going.is_over


def test_days_that_take_too_long_are_cut_into_slices(logs):
    """A query that the server really stops."""
    slow = RequestLog.objects.extra(where=["(pg_sleep(0.02) IS NOT NULL)"])
    going = Walk.within(slow, SINCE, UNTIL, limit=timedelta(milliseconds=150))

    rows = going.take(50)

    assert going.slice is not None
    assert ids(rows) == logs[: len(rows)]


def test_the_limit_of_a_walk_does_not_outlive_it(logs):
    a_walk(limit=timedelta(milliseconds=300)).take(1)

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_partial_answer_says_so_and_its_link_continues(logs, reader, impatient):
    answer = reader.get("/v1/logs", {"q": "path:/9"})
    assert answer["X-Search-Complete"] == "false"
    assert answer.json() == []

    pages = 1
    while next_page(answer):
        answer = reader.get(next_page(answer))
        assert answer.status_code == 200
        pages += 1

    assert [row["path"] for row in answer.json()] == ["/9"]
    assert answer["X-Search-Complete"] == "true"
    assert 3 <= pages <= 5


def test_continuing_finds_each_match_once(logs, reader, impatient):
    for q in ("", '-"no such text"'):
        address, seen = f"/v1/logs?limit=2&q={q}".replace('"', "%22").replace(" ", "+"), []
        while address:
            answer = reader.get(address)
            seen += [row["id"] for row in answer.json()]
            address = next_page(answer)

        assert seen == list(map(str, logs)), q


def test_a_full_page_is_complete_whatever_lies_behind_it(logs, reader):
    answer = reader.get("/v1/logs?limit=3")

    assert answer["X-Search-Complete"] == "true"
    assert len(answer.json()) == 3


def test_a_search_that_cannot_come_forward_is_refused_with_advice(logs, reader, monkeypatch):
    def never(self, *arguments):
        raise TookTooLong("ever")

    monkeypatch.setattr(Walk, "_search", never)

    answer = reader.get("/v1/logs", {"q": "path:/9"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "too_much_to_read"
    assert "shorter window" in answer.json()["detail"]


def test_text_is_paged_by_cursor_alone(logs, reader):
    for name, value in (("count", "exact"), ("offset", "1")):
        answer = reader.get("/v1/logs", {"q": '"x"', name: value})
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [name]
