"""Pages that turn both ways, whatever arrives meanwhile."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from monitor.api.keyset import Cursor, cut_page
from monitor.models import RequestLog
from tests.factories import a_log, a_service, keep_logs, rfc3339

pytestmark = pytest.mark.django_db
START = timezone.now() - timedelta(hours=1)


def some_logs(count, *, first=0, service=None):
    service = service or a_service()
    moments = [START + timedelta(seconds=first + index) for index in range(count)]
    return keep_logs(service, *(a_log(timestamp=rfc3339(moment)) for moment in moments))


def cut(cursor=None, **options):
    within = RequestLog.objects.within(START - timedelta(days=1), START + timedelta(days=1))
    return cut_page(within, limit=3, cursor=cursor, **options)


def ids_of(page):
    return [row.id for row in page.rows]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_walking_to_the_end_shows_every_row_once_newest_first(count):
    kept = some_logs(count)

    page = cut()
    walked = ids_of(page)
    while page.older is not None:
        page = cut(page.older)
        walked += ids_of(page)

    assert walked == kept[::-1]


def test_walking_back_shows_the_same_pages():
    some_logs(9)
    first = cut()
    second = cut(first.older)
    third = cut(second.older)

    assert third.older is None
    assert ids_of(cut(third.newer)) == ids_of(second)
    assert ids_of(cut(second.newer)) == ids_of(first)


def test_what_arrives_meanwhile_shifts_no_page():
    service = a_service()
    some_logs(9, service=service)
    second = cut(cut().older)
    shown = ids_of(second)

    some_logs(5, first=100, service=service)

    assert ids_of(cut(cut(second.older).newer)) == shown


def test_the_newest_page_has_no_newer_one_until_something_came():
    service = a_service()
    some_logs(6, service=service)
    second = cut(cut().older)

    assert cut().newer is None
    assert cut(second.newer).newer is None
    some_logs(1, first=100, service=service)
    assert cut(second.newer).newer is not None


def test_a_cursor_is_read_as_it_is_written():
    some_id = UUID("01a1fd78-d4bf-7c2f-89d6-829aa45331a1")

    for cursor in (Cursor(id=some_id), Cursor(id=some_id, newer=True)):
        assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "newer.", "abc", "older.01a1fd78-d4bf-7c2f-89d6-829aa45331a1"])
def test_anything_else_is_no_cursor(text):
    with pytest.raises(ValueError, match="UUID"):
        Cursor.read(text)


def test_rows_can_be_skipped():
    kept = some_logs(5)

    assert ids_of(cut(offset=3)) == kept[1::-1]
