"""What happens to a query whose reader leaves, on a real server."""

import asyncio
import time

import httpx
import pytest
from django.db import connection

from monitor.access.leaving import CancelWhenLeft, _reader
from tests.factories import a_key, a_log, a_service, keep_logs
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
# Queries of the server about logs, held up by the test's own lock for as long as it likes.
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND state = 'active' AND query LIKE '%%request_log%%' AND wait_event_type = 'Lock'"
)


def count(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def until(condition, *, within_s):
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("path", ["/v1/logs?count=exact", "/v1/metrics", "/v1/logs/export"])
def test_the_query_of_a_reader_who_left_is_cancelled_and_none_follows_it(path, capfd):
    service = a_service()
    _, key = a_key(service, scopes=["read"])
    keep_logs(service, a_log())
    headers = {"Authorization": f"Bearer {key}"}
    with running_web_server() as server:
        httpx.get(f"{server.address}/v1/logs", headers=headers)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE request_log IN ACCESS EXCLUSIVE MODE")
            try:
                with pytest.raises(httpx.ReadTimeout):
                    httpx.get(server.address + path, headers=headers, timeout=0.4)
                until(lambda: count(WAITING) == 0, within_s=1.5)
                time.sleep(0.3)
                left = count(WAITING)
            finally:
                cursor.execute("ROLLBACK")
        answer = httpx.get(f"{server.address}/v1/logs", headers=headers)

    assert left == 0
    assert len(answer.json()) == 1
    assert '"level": "error"' not in capfd.readouterr().err


def test_a_reader_who_stays_is_answered_after_others_left_on_the_same_connection():
    service = a_service()
    _, key = a_key(service, scopes=["read"])
    keep_logs(service, a_log())
    headers = {"Authorization": f"Bearer {key}"}
    with running_web_server(WEB_THREADS="1") as server:
        answers = []
        for number in range(30):
            with connection.cursor() as cursor:
                cursor.execute("BEGIN; LOCK TABLE request_log IN ACCESS EXCLUSIVE MODE")
                with pytest.raises(httpx.ReadTimeout):
                    httpx.get(f"{server.address}/v1/logs", headers=headers, timeout=0.03 + number / 1000)
                cursor.execute("ROLLBACK")
            answers.append(httpx.get(f"{server.address}/v1/logs", headers=headers).status_code)

    assert set(answers) == {200}


def test_what_is_posted_next_on_a_kept_connection_has_no_reader_who_left():
    """A server begins the next request in the task that ends the one before, whose reader is gone by then."""
    readers = []

    async def behind(scope, receive, send):
        readers.append(_reader.get())
        if scope["method"] == "GET":
            await asyncio.create_task(front({**scope, "method": "POST"}, gone, send))

    async def gone():
        return {"type": "http.disconnect"}

    front = CancelWhenLeft(behind)
    asyncio.run(front({"type": "http", "method": "GET", "headers": []}, gone, print))

    reader_of_get, reader_of_post = readers
    assert reader_of_get is not None
    assert reader_of_post is None
