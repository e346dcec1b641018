"""What the lane does beyond the contract it shares with the view: it bounds, hands on, starts and stops."""

import asyncio
import gzip
import json
import threading

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from apimonitor.asgi import application
from monitor.access import revoke_key
from monitor.ingest import intake
from monitor.ingest.accept import prepare_all
from monitor.ingest.group import GroupCommit
from monitor.ingest.intake import Room
from monitor.ingest.lane import MAX_INLINE_BYTES, MAX_LOOK_UPS, Lane
from monitor.ingest.store import store_batch
from monitor.live.stream import MonitorChanges
from monitor.models import RequestLog
from monitor.push.lane import PingLane
from monitor.status.front import StatusFront
from monitor.tail.stream import Tail
from tests.asgi import body_messages, http_scope, running
from tests.factories import a_key, a_log, a_service
from tests.ingest.test_group import Gate

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60
KIB = 1024


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def headers(service):
    return [
        ("Host", "testserver"),
        ("Authorization", f"Bearer {a_key(service)[1]}"),
        ("Content-Type", "application/json"),
    ]


def a_body(**fields):
    return json.dumps(a_log(**fields)).encode()


async def posts(lane, headers, bodies, path="/v1/logs"):
    """The answers to these bodies, sent at once."""
    scope = http_scope(path, headers)
    return await asyncio.gather(*(lane.answer(scope, body_messages(*body)) for body in bodies))


async def until(condition):
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.005)


def count_kept():
    """For another thread than the test's, whose connection ends with this."""
    try:
        return RequestLog.objects.count()
    finally:
        connection.close()


def test_what_the_product_serves_is_the_lane():
    faces = [application.behind]
    while hasattr(faces[-1], "behind"):
        faces.append(faces[-1].behind)

    assert [type(face) for face in faces] == [StatusFront, MonitorChanges, Tail, PingLane, Lane]


def test_all_but_the_doors_goes_on_to_the_application_behind():
    behind = []

    async def note(scope, receive, send):
        behind.append((scope["type"], scope.get("method"), scope["path"]))

    lane = Lane(note)
    others = [
        http_scope("/v1/logs", [], method="GET"),
        http_scope("/v1/logs", [], method="HEAD"),
        http_scope("/v1/logs", [], method="OPTIONS"),
        http_scope("/v1/logs/", []),
        http_scope("/v1/services", []),
        {"type": "websocket", "path": "/v1/logs"},
    ]

    for scope in others:
        asyncio.run(lane(scope, None, None))

    assert behind == [(scope["type"], scope.get("method"), scope["path"]) for scope in others]


# --- Bounds ------------------------------------------------------------------------------------------------


def test_when_too_much_waits_senders_are_asked_to_come_back_and_are_served_then(headers):
    gate = Gate(store_batch)
    lane = Lane(None, make_commits=lambda: GroupCommit(store=gate, max_waiting=3))

    async def story(process):
        first = asyncio.create_task(posts(process, headers, [[a_body()]]))
        await until(gate.entered.is_set)
        others = [asyncio.create_task(posts(process, headers, [[a_body()]])) for _ in range(5)]
        # There is room for three of them; the others are answered while the gate is shut.
        await until(lambda: sum(each.done() for each in others) == 2)
        gate.opened.set()
        answers = [answer for [answer] in await asyncio.gather(first, *others)]
        return answers, await posts(process, headers, [[a_body()]])

    with running(lane) as process:
        answers, later = process.run(story(process))

    assert sorted(answer.status for answer in answers) == [201] * 4 + [503] * 2
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.header("Retry-After") == "1"
    assert refused.header("Content-Type") == "application/problem+json"
    assert refused.json()["code"] == "server_busy"
    assert [answer.status for answer in later] == [201]
    assert RequestLog.objects.count() == 5


def test_a_log_does_not_wait_for_a_large_batch(headers):
    gates = [Gate(store_batch), Gate(store_batch)]
    gates[0].opened.set()
    made = iter(gates)
    lane = Lane(None, make_commits=lambda: GroupCommit(store=next(made)))

    async def story(process):
        batch = json.dumps([a_log()] * 300).encode()
        large = asyncio.create_task(posts(process, headers, [[batch]], path="/v1/logs/batch"))
        await until(gates[1].entered.is_set)
        [small] = await posts(process, headers, [[a_body()]])
        assert not large.done()
        gates[1].opened.set()
        return small, (await large)[0]

    with running(lane) as process:
        small, large = process.run(story(process))

    assert (small.status, large.status) == (201, 201)
    assert RequestLog.objects.count() == 301


class Slow:
    """A body that arrives in pieces when it is told to."""

    def __init__(self, *chunks):
        self.messages = body_messages(*chunks)
        self.go_on = asyncio.Event()
        self.asked = 0

    async def receive(self):
        self.asked += 1
        if self.asked > 1:
            await self.go_on.wait()
        return self.messages[self.asked - 1]


def test_bodies_in_flight_are_bounded_and_the_room_is_given_back(headers):
    lane = Lane(None, room=Room(100 * KIB))
    scope = http_scope("/v1/logs", headers)
    sent = []

    async def send(message):
        sent.append(message)

    async def story(process):
        await posts(process, headers, [[a_body()]])  # the key is known from here on
        slow = [Slow(b" " * 40 * KIB, a_body()) for _ in range(2)]
        reading = [asyncio.create_task(process._application(scope, each.receive, send)) for each in slow]
        await until(lambda: all(each.asked == 2 for each in slow))
        [full] = await posts(process, headers, [[a_body(error="x" * 30 * KIB)]])
        [small] = await posts(process, headers, [[a_body()]])
        for each in slow:
            each.go_on.set()
        await asyncio.gather(*reading)
        [later] = await posts(process, headers, [[a_body(error="x" * 30 * KIB)]])
        return full, small, later

    with running(lane) as process:
        full, small, later = process.run(story(process))

    assert (full.status, full.json()["code"], full.header("Retry-After")) == (503, "server_busy", "1")
    assert (small.status, later.status) == (201, 201)
    assert [message["status"] for message in sent if "status" in message] == [201, 201]
    assert lane._room._free == 100 * KIB


def test_what_a_compressed_body_becomes_counts(headers):
    lane = Lane(None, room=Room(100 * KIB))
    body = gzip.compress(a_body(request_body="x" * 150 * KIB))

    with running(lane) as process:
        answer = process.call("/v1/logs", [*headers, ("Content-Encoding", "gzip")], body)

    assert answer.status == 503
    assert lane._room._free == 100 * KIB


@pytest.mark.parametrize("chunks", [[b"{", b"}"], [b" " * 2 * KIB * KIB], [a_body()]])
def test_the_room_is_given_back_whatever_the_answer(headers, chunks):
    lane = Lane(None, room=Room(4 * KIB * KIB))

    with running(lane) as process:
        process.call("/v1/logs", headers, *chunks)

    assert lane._room._free == 4 * KIB * KIB


def test_a_body_that_dribbles_is_given_up(headers, monkeypatch):
    async def in_no_time(*arguments, **options):
        return await read_whole(*arguments, **options, within_s=0.05)

    read_whole = intake.read_whole
    monkeypatch.setattr("monitor.ingest.lane.read_whole", in_no_time)

    with running(Lane(None)) as process:
        answer = process.run(
            process.answer(
                http_scope("/v1/logs", headers),
                [{"type": "http.request", "body": b"{", "more_body": True}],
            )
        )

    assert (answer.status, answer.json()["code"]) == (408, "request_timeout")


def test_a_client_that_hangs_up_in_its_body_is_owed_nothing(headers):
    lane = Lane(None)
    cut = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    with running(lane) as process:
        assert process.run(process.answer(http_scope("/v1/logs", headers), cut)) is None

    assert not RequestLog.objects.exists()


def test_a_large_body_leaves_the_event_loop_to_others(headers, monkeypatch):
    threads = set()

    def noting(*arguments, **options):
        threads.add(threading.current_thread().name.partition("_")[0])
        return prepare_all(*arguments, **options)

    monkeypatch.setattr("monitor.ingest.lane.prepare_all", noting)
    with running(Lane(None)) as process:
        process.call("/v1/logs", headers, a_body())
        assert threads == {"MainThread"}
        process.call("/v1/logs", headers, a_body(request_body="x" * MAX_INLINE_BYTES))

    assert threads == {"MainThread", "decode"}


def test_too_many_look_ups_at_once_are_refused(headers, monkeypatch):
    opened = threading.Event()

    def slow_look_up(keys, raw):
        assert opened.wait(WAIT_S)
        return keys.look_up(raw)

    monkeypatch.setattr("monitor.ingest.lane.look_up_steadily", slow_look_up)

    async def story(process):
        waiting = [
            asyncio.create_task(posts(process, headers, [[a_body()]])) for _ in range(MAX_LOOK_UPS + 3)
        ]
        await until(lambda: sum(each.done() for each in waiting) == 3)
        opened.set()
        return [answer for [answer] in await asyncio.gather(*waiting)]

    with running(Lane(None)) as process:
        answers = process.run(story(process))

    assert sorted(answer.status for answer in answers) == [201] * MAX_LOOK_UPS + [503] * 3


# --- When something breaks ---------------------------------------------------------------------------------


def test_a_database_that_is_away_is_503_and_says_when_to_come_back(headers):
    def away(entries, **_):
        raise OperationalError("connection refused")

    with running(Lane(None, make_commits=lambda: GroupCommit(store=away))) as process:
        single = process.call("/v1/logs", headers, a_body())
        batch = process.call("/v1/logs/batch", headers, b"[" + a_body() + b"]")

    for answer in (single, batch):
        assert (answer.status, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.header("Retry-After") == "1"


def test_a_slip_of_ours_is_that_logs_500_and_no_one_elses(headers):
    def store(entries, **options):
        if any(entry.path == "/poison" for entry in entries):
            raise RuntimeError("a slip")
        return store_batch(entries, **options)

    good, bad = a_log(), a_log(path="/poison")
    with running(Lane(None, make_commits=lambda: GroupCommit(store=store))) as process:
        answers = process.run(posts(process, headers, [[a_body()], [a_body(path="/poison")], [a_body()]]))
        mixed = process.call("/v1/logs/batch", headers, json.dumps([good, bad, good]).encode())
        poisoned = process.call("/v1/logs/batch", headers, json.dumps([bad, bad]).encode())

    assert [answer.status for answer in answers] == [201, 500, 201]
    assert answers[1].json()["code"] == "internal_error"
    assert "slip" not in answers[1].content.decode()
    assert mixed.status == 207
    assert [(error["index"], error["code"]) for error in mixed.json()["errors"]] == [(1, "internal_error")]
    assert (poisoned.status, poisoned.json()["rejected"]) == (500, 2)
    assert RequestLog.objects.count() == 4


def test_the_stop_waits_for_what_was_taken(headers):
    gate = Gate(store_batch)
    lane = Lane(None, make_commits=lambda: GroupCommit(store=gate))

    async def story(process):
        # The key is known from here on: who still waits for it is not taken yet.
        gate.opened.set()
        await posts(process, headers, [[a_body()]])
        gate.opened.clear()
        gate.entered.clear()
        posting = asyncio.create_task(posts(process, headers, [[a_body()]] * 3))
        await until(gate.entered.is_set)
        asyncio.get_running_loop().call_later(0.2, gate.opened.set)
        await process.tell("shutdown")
        kept = await asyncio.to_thread(count_kept)
        answers = await posting
        await process.live()
        return kept, answers

    with running(lane) as process:
        kept, answers = process.run(story(process))

    assert [answer.status for answer in answers] == [201] * 3
    assert kept == 4


def test_after_the_stop_nothing_is_taken(headers):
    with running(Lane(None)) as process:
        process.call("/v1/logs", headers, a_body())
        process.run(process.tell("shutdown"))

        answer = process.run(process.answer(http_scope("/v1/logs", headers), body_messages(a_body())))
        process.run(process.live())

    assert (answer.status, answer.json()["code"]) == (503, "server_busy")


def test_a_revoked_key_is_refused_as_soon_as_it_is_told(service, monkeypatch):
    monkeypatch.setattr("monitor.access.keycache.MAX_AGE_S", 10 * WAIT_S)
    key, raw = a_key(service)
    headers = [("Host", "testserver"), ("Authorization", f"Bearer {raw}")]

    with running(Lane(None)) as process:
        assert process.call("/v1/logs", headers, a_body()).status == 201
        revoke_key(key, now=timezone.now())

        async def refused():
            async with asyncio.timeout(WAIT_S):
                while True:
                    [answer] = await posts(process, headers, [[a_body()]])
                    if answer.status != 201:
                        return answer
                    await asyncio.sleep(0.01)

        answer = process.run(refused())

    assert (answer.status, answer.json()["code"]) == (401, "key_revoked")
