"""The stream of a real server, read by a real client."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from monitor.lib.actors import Actor
from monitor.live import hub as hub_module
from monitor.models import Membership, Monitor
from monitor.monitors import set_active
from monitor.monitors.watchdog import mark_silent
from tests.factories import a_user, an_organization
from tests.monitors.scenes import a_monitor, check
from tests.quick import is_quick
from tests.tail.reading import Reader
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
# As a stream that is to hear nothing hears nothing, this long it is looked at in vain.
QUIET_S = 2.5


@contextmanager
def hearing(address: str, user=None, **params: str) -> Iterator[Reader]:
    """A reader whose stream is ready."""
    cookies = {}
    if user is not None:
        client = Client()
        client.force_login(user)
        cookies = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}
    with (
        httpx.Client(timeout=httpx.Timeout(60), cookies=cookies) as client,
        client.stream("GET", f"{address}/monitors/changes", params=params) as response,
    ):
        assert response.status_code == 200, response.read()
        reader = Reader(response)
        reader.wait_for(lambda each: each.named("ready"))
        yield reader


def told(reader: Reader) -> set[str]:
    return {id_ for each in reader.named("changed") for id_ in each["ids"]}


def test_a_check_is_told_within_two_seconds_to_those_who_may_see_the_monitor(web_server):
    mine, theirs = an_organization(), an_organization()
    monitor, foreign = a_monitor(mine), a_monitor(theirs)

    def told_after_s():
        heard, began = len(one.named("changed")), time.monotonic()
        check(monitor)
        one.wait_for(lambda each: len(each.named("changed")) > heard)
        return time.monotonic() - began

    with hearing(web_server, a_user(mine)) as one, hearing(web_server, a_user(theirs)) as other:
        assert is_quick(told_after_s, within_s=2)
        check(foreign)
        other.wait_for(told)
        time.sleep(QUIET_S)

    assert told(one) == {str(monitor.id)}
    assert told(other) == {str(foreign.id)}


def test_the_page_of_one_monitor_hears_of_that_one_alone(web_server):
    organization = an_organization()
    monitor, another = a_monitor(organization), a_monitor(organization)

    with hearing(web_server, a_user(organization), id=str(monitor.id)) as reader:
        check(another)
        check(monitor)
        reader.wait_for(told)
        time.sleep(QUIET_S)

    assert told(reader) == {str(monitor.id)}


def test_a_new_a_changed_and_a_silent_monitor_are_told_too(web_server):
    organization = an_organization()
    monitor = a_monitor(organization)
    check(monitor, at=timezone.now() - timedelta(hours=1))
    Monitor.objects.filter(id=monitor.id).update(updated_at=timezone.now() - timedelta(hours=1))
    with hearing(web_server, a_user(organization)) as reader:
        assert mark_silent(now=timezone.now()) == 1
        reader.wait_for(lambda each: len(each.named("changed")) >= 1)
        set_active([Monitor.objects.get(id=monitor.id)], is_active=False, now=timezone.now())
        reader.wait_for(lambda each: len(each.named("changed")) >= 2)
        made = a_monitor(organization)
        reader.wait_for(lambda each: str(made.id) in told(each))

    assert told(reader) == {str(monitor.id), str(made.id)}


def test_who_may_read_nothing_gets_no_stream(web_server):
    answer = httpx.get(f"{web_server}/monitors/changes", timeout=60)

    assert answer.status_code == 401


def test_a_stream_ends_with_the_session_and_hears_nothing_of_what_was_taken_away(web_server):
    organization = an_organization()
    user, left = a_user(organization), a_user(organization)
    monitor = a_monitor(organization)

    with hearing(web_server, user) as ended, hearing(web_server, left) as narrowed:
        user.is_active = False
        user.save()
        Membership.objects.filter(user=left).delete()
        for reader in (ended, narrowed):
            reader.wait_for(lambda each: each.is_over)
        check(monitor)

    assert [each["code"] for each in ended.named("end")] == ["not_authenticated"]
    assert narrowed.named("end")
    assert told(narrowed) == set()


def test_django_alone_has_no_stream_and_its_page_names_none(plain_web_server):
    user = a_user(an_organization())
    client = Client()
    client.force_login(user)
    cookies = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}

    assert httpx.get(f"{plain_web_server}/monitors/changes", cookies=cookies, timeout=60).status_code == 404
    assert "data-stream" not in httpx.get(f"{plain_web_server}/monitors", cookies=cookies, timeout=60).text


def test_a_server_that_stops_ends_its_streams_at_once():
    organization = an_organization()

    def stopped_after_s():
        with (
            running_web_server(DJANGO_SETTINGS_MODULE="tests.settings") as server,
            hearing(server.address, a_user(organization)) as reader,
        ):
            began = time.monotonic()
            server.stop()
            reader.wait_for(lambda each: each.is_over)
            took_s = time.monotonic() - began
        assert reader.named("end") == [
            {"code": "server_stopping", "detail": "The server stops. Come back in a moment."}
        ]
        return took_s

    assert is_quick(stopped_after_s, within_s=5)


def test_a_person_has_so_many_streams_and_no_more():
    organization = an_organization()
    user = a_user(organization)
    with (
        running_web_server(DJANGO_SETTINGS_MODULE="tests.settings", TAIL_STREAMS_KEY="1") as server,
        hearing(server.address, user),
    ):
        client = Client()
        client.force_login(user)
        cookies = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}
        second = httpx.get(f"{server.address}/monitors/changes", cookies=cookies, timeout=60)

    assert second.status_code == 429


def test_what_waits_for_a_slow_reader_is_a_set_and_never_more_than_its_limit():
    stream = hub_module.Stream(scope={}, actor=None, loop=None)
    some = frozenset(uuid4() for _ in range(10))
    for _ in range(1_000):
        stream.tell(some)
    assert stream.waiting == set(some)

    stream.tell(frozenset(uuid4() for _ in range(hub_module.MAX_WAITING)))
    assert (stream.waiting, stream.is_behind) == (set(), True)


def test_the_thread_ends_with_its_last_stream(monkeypatch):
    monkeypatch.setattr("monitor.streams.hub.LINGER_S", 0.2)
    monkeypatch.setattr(hub_module.Hub, "every_s", 0.05)
    hub = hub_module.Hub()

    async def life():
        stream = hub_module.Stream(scope={}, actor=Actor(label="nobody"), loop=asyncio.get_running_loop())
        assert hub.join(stream)
        await asyncio.wait_for(stream.news.wait(), 10)
        hub.leave(stream)

    asyncio.run(life())
    deadline = time.monotonic() + 10
    while any(thread.name == "live" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
