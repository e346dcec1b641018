"""One LISTEN connection for all who want to hear, made again when it breaks."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest

from monitor.lib.notices import Listener, Notices, connection_parameters

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60
NAME = "notices under test"


class Ears:
    """A listener that notes what it is told."""

    def __init__(self, channel: str) -> None:
        self.heard: list[str] = []
        self.begun = 0
        self.listener = Listener(channel=channel, hear=self.heard.append, catch_up=self._begin)

    def _begin(self) -> None:
        self.begun += 1


@pytest.fixture(autouse=True)
def _name_of_its_own(monkeypatch):
    """The servers of other tests listen to this database too."""
    monkeypatch.setattr("monitor.lib.notices.APPLICATION_NAME", NAME)


@asynccontextmanager
async def running(notices):
    task = asyncio.create_task(notices.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.01)


async def execute(statement, *values):
    async with await psycopg.AsyncConnection.connect(**connection_parameters(), autocommit=True) as other:
        return await (await other.execute(statement, values)).fetchall()


async def notify(channel, payload):
    await execute("SELECT pg_notify(%s, %s)", channel, payload)


async def sessions():
    return await execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
        NAME,
    )


def test_each_listener_hears_its_own_channel_by_one_connection():
    async def story():
        notices, ears = Notices(), [Ears("one"), Ears("one"), Ears("two")]
        for each in ears:
            notices.add(each.listener)
        async with running(notices):
            await until(lambda: all(each.begun for each in ears))
            await notify("one", "a")
            await notify("two", "b")
            await until(lambda: all(each.heard for each in ears))
            assert len(await sessions()) == 1
        return [each.heard for each in ears]

    assert asyncio.run(story()) == [["a"], ["a"], ["b"]]


def test_who_comes_later_hears_too_and_who_has_left_does_not():
    async def story():
        notices, first, second = Notices(), Ears("one"), Ears("two")
        notices.add(first.listener)
        async with running(notices):
            await until(lambda: first.begun)
            notices.add(second.listener)
            notices.remove(first.listener)
            await until(lambda: second.begun)
            await notify("one", "a")
            await notify("two", "b")
            await until(lambda: second.heard)
        return first.heard, second.heard

    assert asyncio.run(story()) == ([], ["b"])


def test_a_connection_that_breaks_is_made_again_and_listeners_catch_up():
    async def story():
        notices, ears = Notices(), Ears("one")
        notices.add(ears.listener)
        async with running(notices):
            await until(lambda: ears.begun == 1)
            [(pid,)] = await sessions()
            await execute("SELECT pg_terminate_backend(%s)", pid)
            await until(lambda: ears.begun == 2)
            await notify("one", "after")
            await until(lambda: ears.heard)
        return ears.heard

    assert asyncio.run(story()) == ["after"]


def test_a_database_that_is_away_at_first_is_found_later():
    async def story():
        known = connection_parameters()
        away = {**known, "dbname": "nowhere"}
        notices, ears = Notices(lambda: away), Ears("one")
        notices.add(ears.listener)
        async with running(notices):
            await asyncio.sleep(0.2)
            assert ears.begun == 0
            away["dbname"] = known["dbname"]
            await until(lambda: ears.begun)

    asyncio.run(story())


def test_a_listener_that_fails_keeps_no_other_from_hearing(caplog):
    def fail(payload):
        raise RuntimeError("deaf")

    async def story():
        notices, ears = Notices(), Ears("one")
        notices.add(Listener(channel="one", hear=fail, catch_up=lambda: None))
        notices.add(ears.listener)
        async with running(notices):
            await until(lambda: ears.begun)
            await notify("one", "a")
            await until(lambda: ears.heard)
        return ears.heard

    assert asyncio.run(story()) == ["a"]
    assert "A listener failed" in caplog.text


def test_no_session_is_left_behind():
    async def story():
        notices, ears = Notices(), Ears("one")
        notices.add(ears.listener)
        async with running(notices):
            await until(lambda: ears.begun)
        async with asyncio.timeout(WAIT_S):
            while await sessions():
                await asyncio.sleep(0.01)

    asyncio.run(story())
