"""The lane of pings in this process, within the transaction of a test, and behind Django's test client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.test import Client
from django.test.client import FakePayload

from monitor.push.commits import Keep, PingCommits, keep_together
from monitor.push.lane import PingLane
from tests.asgi import AsgiAnswer, Running, body_messages, borrowing, headers_of, http_scope, running

HOST = (("Host", "testserver"),)


class NotTheLanes(Exception):
    """What the lane leaves to the views."""


async def nothing_behind(scope: Any, receive: Any, send: Any) -> None:
    """An application that starts and stops, and answers nothing."""
    if scope["type"] != "lifespan":
        raise NotTheLanes(scope["path"])
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


@contextmanager
def lane_of_pings(owner: BaseDatabaseWrapper, *, keep: Keep = keep_together) -> Iterator[Running]:
    owner.inc_thread_sharing()
    make: Callable[[], PingCommits] = partial(PingCommits, keep=borrowing(owner, keep))
    try:
        with running(PingLane(nothing_behind, make_commits=make)) as lane:
            yield lane
    finally:
        owner.dec_thread_sharing()


def ping(
    lane: Running,
    address: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Any = HOST,
) -> AsgiAnswer:
    """What one request is answered. Raises NotTheLanes."""
    return lane.run(asking(lane, address, method=method, body=body, headers=headers))


async def asking(
    lane: Running,
    address: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Any = HOST,
) -> AsgiAnswer:
    path, _, query = address.partition("?")
    scope = http_scope(path, headers, method=method) | {"query_string": query.encode()}
    answer = await lane.answer(scope, body_messages(body))
    assert answer is not None
    return answer


@contextmanager
def pings_by(lane: Running) -> Iterator[None]:
    """Django's test client sends to the lane what the lane answers."""
    to_django = Client.request

    def request(self: Client, **changes: Any) -> Any:
        environ = self._base_environ(**changes)
        address = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        body = environ["wsgi.input"].read()
        method = environ["REQUEST_METHOD"]
        try:
            answer = ping(lane, address, method=method, body=body, headers=headers_of(environ))
        except NotTheLanes:
            return to_django(self, **changes | {"wsgi.input": FakePayload(body)})
        response = HttpResponse(answer.content, status=answer.status, headers=dict(answer.headers))
        response.json = partial(self._parse_json, response)  # type: ignore[attr-defined]
        return response

    with patch.object(Client, "request", request):
        yield
