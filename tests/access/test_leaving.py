"""What happens to a query whose reader leaves, on a real server."""

import asyncio
import logging
import threading
import time

import httpx
import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.test import Client

from monitor.access.leaving import CancelWhenLeft, Reader, _reader
from tests.factories import a_key, a_log, a_service, a_user, an_organization, keep_logs
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
        httpx.get(f"{server.address}/v1/logs", headers=headers, timeout=60)
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
        answer = httpx.get(f"{server.address}/v1/logs", headers=headers, timeout=60)

    assert left == 0
    assert len(answer.json()) == 1
    told = capfd.readouterr().err
    assert [line for line in told.splitlines() if '"level": "error"' in line] == []


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
            answers.append(httpx.get(f"{server.address}/v1/logs", headers=headers, timeout=60).status_code)

    assert set(answers) == {200}


def test_a_query_that_begins_as_its_reader_leaves_is_cancelled_too():
    """It was let through while there was a reader, and reaches the server after the first cancellation."""
    reader = Reader()
    leaving = threading.Thread(target=reader.leave)

    def leave_first(execute, *arguments):
        leaving.start()
        while not reader.has_left:
            time.sleep(0.01)
        time.sleep(0.1)
        return execute(*arguments)

    own = connections[DEFAULT_DB_ALIAS]
    with reader.using(own), own.execute_wrapper(leave_first), pytest.raises(OperationalError):
        count("SELECT count(pg_sleep(20))")
    leaving.join()


def test_a_reader_who_leaves_before_the_view_is_begun_is_no_line_in_our_log(caplog):
    """Who asks is looked up by middlewares; on a busy machine a reader may be gone by then."""
    client = Client(raise_request_exception=False)
    client.force_login(a_user(an_organization()))
    reader = Reader()
    reader.leave()
    log = logging.getLogger("django.request")
    log.addHandler(caplog.handler)
    token = _reader.set(reader)
    try:
        answer = client.get("/dashboard")
    finally:
        _reader.reset(token)
        log.removeHandler(caplog.handler)

    assert answer.status_code == 499
    assert [record for record in caplog.records if record.name == log.name] == []


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
