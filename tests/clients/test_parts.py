"""The Python client's parts, without a server: what it masks, bounds, and never does to its application."""

import asyncio
import json
import os
import random
import threading
import time

import httpx
import pytest

from apimonitor_client import AsgiMonitor, WsgiMonitor, add_tags, async_httpx_hooks, httpx_hooks, set_consumer
from apimonitor_client.call import Call
from apimonitor_client.delivery import judged
from apimonitor_client.masking import MASK, Masker
from apimonitor_client.options import Options, options_from
from apimonitor_client.reporter import Reporter
from apimonitor_client.spool import Spool, SpoolUnusable
from apimonitor_client.writing import Writer
from monitor.lib.masking import DEFAULT_RULES
from monitor.lib.masking.rules import MASK as SERVERS_MASK

NAMES = [
    "password", "user_password", "Passwd", "pwd", "client-secret", "access_token", "apiKey", "X-Api-Key",
    "api.key", "Authorization", "private key", "card_number", "cvv", "cvc2", "session_id", "ssn", "userSsn",
    "ssn_last4", "cookie", "className", "businessName", "name", "id", "author", "tokens", "passage",
    "description", "e-mail", "page", "sort",
]  # fmt: skip


class Kept(Reporter):
    """Keeps calls instead of sending them."""

    def __init__(self, **options):
        super().__init__(options_from({"url": "http://127.0.0.1:1", "key": "k", **options}))
        self.calls = []

    def take(self, call):
        self.calls.append(call)

    def logs(self):
        writer = Writer(self.options)
        lines = [writer.line(call) for call in self.calls]
        return [json.loads(line) for line in lines if line]


def a_call(**values):
    call = Call()
    call.url = ("http", "shop.example", "/orders")
    call.status = 200
    for name, value in values.items():
        setattr(call, name, value)
    return call


def log_of(call, **options):
    return Writer(options_from({"url": "http://127.0.0.1:1", "key": "k", **options})).log(call)


# --- Masking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_client_hides_what_the_monitor_hides(name):
    assert Masker().hides_key(name) == DEFAULT_RULES.is_sensitive_key(name)
    assert Masker().hides_header(name) == DEFAULT_RULES.is_sensitive_header(name)
    assert MASK == SERVERS_MASK


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        ('{"a": 1.10, "password": "x\\"y"}', '{"a": 1.10, "password": "***MASKED***"}'),
        ('{"password":"x","b":2}', '{"password":"***MASKED***","b":2}'),
        ('{"session": {"id": "a}", "n": [1]}, "b": 2}', '{"session": "***MASKED***", "b": 2}'),
        ('{"cvv": 123}', '{"cvv": "***MASKED***"}'),
        ('{"token": null, "a": 1}', '{"token": null, "a": 1}'),
        ('{"a": 1, "password": "cut he', '{"a": 1, "password": "***MASKED***'),
        ('{"a": 1, "secret": {"x": "cut', '{"a": 1, "secret": "***MASKED***"'),
        ('{"p\\u0061ssword": "x"}', '{"p\\u0061ssword": "***MASKED***"}'),
        (
            '{"inner": "{\\"token\\": \\"x\\", \\"b\\": 1}"}',
            '{"inner": "{\\"token\\": \\"***MASKED***\\", \\"b\\": 1}"}',
        ),
        ('{"note": "nothing to hide", "n": [1, 2]}', '{"note": "nothing to hide", "n": [1, 2]}'),
        ('{"auth_header": "Bearer abcdefghijklmnop"}', '{"auth_header": "Bearer ***MASKED***"}'),
    ],
)
def test_json_is_masked_in_place_also_when_it_was_cut(body, masked):
    assert Masker().body(body, "application/json") == masked


def test_forms_queries_and_texts_are_masked():
    masker = Masker(keys=["pin"])

    assert masker.body("user=a&pass%77ord=b&pin=1&q=x", "application/x-www-form-urlencoded") == (
        "user=a&pass%77ord=***MASKED***&pin=***MASKED***&q=x"
    )
    assert masker.text("at https://ada:pw@shop.example: token=abc123 failed") == (
        "at https://***MASKED***@shop.example: token=***MASKED*** failed"
    )
    assert masker.header("X-Session", "abc") == MASK
    assert "eyJ" not in masker.text("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl end")


def test_masking_a_long_body_takes_no_longer_than_its_length():
    masker = Masker()
    began = time.thread_time()
    for hard in ('"' * 60_000, '{"a' * 20_000, "a=" * 30_000, '{"token":' * 7_000, "\\" * 60_000 + '"token'):
        masker.body(hard, "application/json")
    assert time.thread_time() - began < 10


# --- What is written ---------------------------------------------------------------------------------------


def test_sampling_keeps_every_error():
    calls = [a_call(status=500 if number % 10 == 0 else 200) for number in range(2000)]
    writer = Writer(options_from({"url": "http://a", "key": "k", "sample_rate": 0.1}))

    logs = [log for call in calls if (log := writer.log(call))]

    assert sum(log["status_code"] == 500 for log in logs) == 200
    assert 100 < sum(log["status_code"] == 200 for log in logs) < 300


def test_sampling_draws_nothing_from_the_applications_own_chance():
    """An application that seeded `random` gets the numbers it would have got without us."""
    writer = Writer(options_from({"url": "http://a", "key": "k", "sample_rate": 0.5}))
    before = random.getstate()

    wanted = {writer.is_wanted(Call(), "/orders") for _ in range(200)}

    assert wanted == {True, False}
    assert random.getstate() == before


def test_bodies_are_cut_at_the_cap_and_say_so():
    call = a_call(request_headers=[(b"content-type", b"application/json")])
    for _ in range(3):
        call.note_request(b'{"abcdef": 1}', 20)

    log = log_of(call, max_body_bytes=20)

    assert log["request_body"] == '{"abcdef": 1}{"abcde'
    assert log["tags"] == ["request-body-cut"]


def test_what_is_no_text_is_not_sent():
    call = a_call(response_headers=[("Content-Type", "image/png")])
    call.note_response(b"\x89PNG", 100)

    assert "response_body" not in log_of(call)


def test_what_may_be_changed_before_it_leaves_may_also_stay():
    call = a_call()

    assert Writer(options_from({"before_send": lambda log: None})).line(call) is None
    line = Writer(options_from({"before_send": lambda log: {**log, "url": "http://x/"}})).line(call)
    assert json.loads(line)["url"] == "http://x/"


def test_the_caller_behind_proxies_is_the_one_the_trusted_ones_saw():
    call = a_call(source="10.0.0.1", request_headers=[(b"x-forwarded-for", b"6.6.6.6, 203.0.113.7")])

    assert log_of(call)["source_ip"] == "10.0.0.1"
    assert log_of(call, trusted_proxies=1)["source_ip"] == "203.0.113.7"


def test_options_that_cannot_work_are_told_by_name():
    with pytest.raises(ValueError, match="sample_rate"):
        Options(sample_rate=2)
    with pytest.raises(TypeError, match="sample_rat"):
        options_from({"sample_rat": 1})
    assert "secret-key" not in repr(Options(key="secret-key"))


# --- The application is left alone -------------------------------------------------------------------------


async def run_asgi(app, *, body=b"", headers=()):
    sent = []
    scope = {
        "type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": list(headers),
        "scheme": "http", "root_path": "",
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_an_exception_goes_on_as_it_was_raised():
    async def app(scope, receive, send):
        raise KeyError("mine")

    monitor = AsgiMonitor(app, url="http://127.0.0.1:1", key="k")
    monitor.reporter = kept = Kept()

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(run_asgi(monitor))

    (log,) = kept.logs()
    assert log["status_code"] == 500
    assert log["error"].startswith("KeyError: 'mine'")


class Broken(Kept):
    def take(self, call):
        raise RuntimeError("the reporter is broken")


def test_a_broken_reporter_is_not_noticed_by_the_application():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    monitor = AsgiMonitor(app, url="http://127.0.0.1:1", key="k")
    monitor.reporter = Broken()
    plain = WsgiMonitor(lambda environ, start: [b"x"], url="http://127.0.0.1:1", key="k")
    plain.reporter = Broken()

    assert [message["type"] for message in asyncio.run(run_asgi(monitor))] == [
        "http.response.start", "http.response.body",
    ]  # fmt: skip
    answer = plain({"REQUEST_METHOD": "GET", "wsgi.input": None}, lambda *given: None)
    assert list(answer) == [b"x"]
    answer.close()


def test_without_a_key_nothing_is_watched():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})

    monitor = AsgiMonitor(app, url="", key="")
    monitor.reporter = kept = Kept()

    assert len(asyncio.run(run_asgi(monitor))) == 1
    assert kept.calls == []


def test_messages_are_handed_on_as_the_very_same_objects():
    messages = [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]},
        {"type": "http.response.body", "body": b"a", "more_body": True},
        {"type": "http.response.body", "body": b"b"},
    ]

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    monitor = AsgiMonitor(app, url="http://127.0.0.1:1", key="k")
    monitor.reporter = kept = Kept()

    sent = asyncio.run(run_asgi(monitor))

    assert all(one is other for one, other in zip(sent, messages, strict=True))
    assert kept.logs()[0]["response_body"] == "ab"


def test_consumers_of_requests_at_the_same_time_do_not_mix():
    async def app(scope, receive, send):
        name = dict(scope["headers"])[b"x-name"].decode()
        await asyncio.sleep(0.01)
        set_consumer(name)
        await asyncio.to_thread(add_tags, f"of-{name}")
        await send({"type": "http.response.start", "status": 200})

    monitor = AsgiMonitor(app, url="http://127.0.0.1:1", key="k")
    monitor.reporter = kept = Kept()

    async def both():
        await asyncio.gather(
            *(run_asgi(monitor, headers=[(b"x-name", f"c{number}".encode())]) for number in range(20))
        )

    asyncio.run(both())

    logs = kept.logs()
    assert {log["consumer"] for log in logs} == {f"c{number}" for number in range(20)}
    assert all(log["tags"] == [f"of-{log['consumer']}"] for log in logs)
    set_consumer("nobody")  # outside of a request: nothing happens


# --- The queue and the disk --------------------------------------------------------------------------------


def test_the_queue_is_bounded_in_number_and_bytes(tmp_path):
    options = options_from(
        {"url": "http://127.0.0.1:1", "key": "k", "max_queued": 10, "spool_dir": str(tmp_path)}
    )
    reporter = Reporter(options)
    reporter._thread = threading.current_thread()  # nobody empties it

    for _ in range(25):
        reporter.take(a_call())

    assert reporter.lost == 15
    assert len(reporter._queue) == 10


def test_the_spool_lets_the_oldest_go(tmp_path):
    spool = Spool(str(tmp_path / "s"), owner="a", most_bytes=100)

    lost = [spool.keep(b"x" * 29 + b"\n") for _ in range(5)]

    assert lost == [0, 0, 0, 1, 1]
    assert len(spool.waiting()) == 3
    with pytest.raises(SpoolUnusable):
        spool.keep(b"x" * 101)


def test_a_spool_that_others_can_write_is_not_used(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(SpoolUnusable, match="written by others"):
        Spool(str(folder), owner="a", most_bytes=100).keep(b"x\n")


def test_one_process_at_a_time_empties_the_spool(tmp_path):
    one, other = (Spool(str(tmp_path / "s"), owner="a", most_bytes=100) for _ in range(2))

    with one.turn() as first, other.turn() as second:
        assert (first, second) == (True, False)
    with other.turn() as later:
        assert later


def test_a_child_begins_with_an_empty_queue_of_its_own(tmp_path):
    reporter = Reporter(options_from({"url": "http://127.0.0.1:1", "key": "k", "spool_dir": str(tmp_path)}))
    reporter._thread = threading.current_thread()
    reporter.take(a_call())
    first = reporter._writer._process

    reporter.after_fork()

    assert len(reporter._queue) == 0
    assert reporter._thread is None
    assert reporter._writer._process != first


def test_what_is_queued_when_the_process_ends_is_on_disk_when_the_monitor_hangs(tmp_path):
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        reporter = Reporter(
            options_from(
                {
                    "url": url,
                    "key": "k",
                    "spool_dir": str(tmp_path),
                    "flush_s": 0.05,
                    "exit_s": 0.3,
                    "timeout_s": 2,
                }
            )
        )
        for _ in range(5):
            reporter.take(a_call())
        time.sleep(0.2)
        for _ in range(3):
            reporter.take(a_call())

        reporter.close()

        waiting = [line for file in reporter._spool.waiting() for line in file.read_bytes().splitlines()]
        assert len({json.loads(line)["event_id"] for line in waiting}) == 8
        reporter.flush(5)


@pytest.mark.parametrize(
    ("status", "body", "again", "refused"),
    [
        (201, {}, 0, 0),
        (
            207,
            {"errors": [{"index": 0, "code": "invalid"}, {"index": 2, "code": "database_unavailable"}]},
            1,
            1,
        ),
        (400, {"errors": [{"index": i, "code": "invalid"} for i in range(3)]}, 0, 3),
        (400, {"detail": "not JSON"}, 0, 3),
        (401, {}, 3, 0),
        (404, {}, 3, 0),
        (429, {}, 3, 0),
        (503, {}, 3, 0),
        (302, {}, 3, 0),
    ],
)
def test_an_answer_decides_what_is_sent_again(status, body, again, refused):
    options = Options(url="http://127.0.0.1:1", key="k")
    answer = httpx.Response(status, json=body, headers={"Retry-After": "3"})

    delivered = judged(answer, None, options, [b"a", b"b", b"c"])

    assert (len(delivered.again), delivered.refused) == (again, refused)
    assert delivered.away == bool(again)


def test_a_batch_that_is_too_large_is_halved_until_it_fits():
    sizes = []

    def answer(request):
        import gzip

        body = request.content
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        sizes.append(body.count(b"\n"))
        return httpx.Response(413 if sizes[-1] > 2 else 201)

    from apimonitor_client.delivery import deliver

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        delivered = deliver(client, Options(url="http://m", key="k"), [b"%d" % n for n in range(5)])

    assert not delivered.again
    assert sizes == [5, 2, 3, 1, 2]


# --- httpx -------------------------------------------------------------------------------------------------


def answering(request):
    return httpx.Response(200, json={"token": "t", "n": 1}, request=request)


def test_calls_made_with_httpx_are_reported(monkeypatch, tmp_path):
    kept = Kept()
    monkeypatch.setattr("apimonitor_client.outgoing.reporter_for", lambda options: kept)

    with httpx.Client(transport=httpx.MockTransport(answering), event_hooks=httpx_hooks()) as client:
        client.post("https://pay.example/charge?api_key=k1&a=%2F", json={"cvv": 1})
        with client.stream("GET", "https://pay.example/s") as answer:
            assert b"".join(answer.iter_bytes()) == b'{"token":"t","n":1}'

    posted, streamed = kept.logs()
    assert posted["url"] == "https://pay.example/charge?api_key=***MASKED***&a=%2F"
    assert posted["request_body"] == '{"cvv":"***MASKED***"}'
    assert posted["response_body"] == '{"token":"***MASKED***","n":1}'
    assert posted["tags"] == ["span.kind=client"]
    assert streamed["method"] == "GET"


def test_calls_made_with_httpx_later_are_reported(monkeypatch):
    kept = Kept()
    monkeypatch.setattr("apimonitor_client.outgoing.reporter_for", lambda options: kept)

    async def chunks():
        yield b'{"a":'
        yield b"1}"

    async def run():
        transport = httpx.MockTransport(
            lambda request: httpx.Response(
                200, content=chunks(), headers={"Content-Type": "application/json"}
            )
        )
        async with httpx.AsyncClient(transport=transport, event_hooks=async_httpx_hooks()) as client:
            return (await client.get("https://pay.example/x")).json()

    assert asyncio.run(run()) == {"a": 1}
    (log,) = kept.logs()
    assert log["response_body"] == '{"a":1}'


def test_the_package_brings_its_types_and_needs_httpx_alone():
    import tomllib
    from importlib import resources

    from tests.web import ROOT

    project = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())["project"]
    assert [each.split(">")[0] for each in project["dependencies"]] == ["httpx"]
    assert resources.files("apimonitor_client").joinpath("py.typed").is_file()
    assert os.path.exists(ROOT / "clients/python" / project["readme"])
