import asyncio
import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time

import pytest

from monitor.lib.masking import MASK
from monitor.lib.outbound import OutboundPolicy
from monitor.lib.outbound.errors import BlockedTarget, NotConnected
from monitor.lib.outbound.proxies import open_through, parse_proxy
from monitor.probing import BadConfig, Outcome, kind_named
from tests.probing.http_target import Answer, http_target, issue
from tests.probing.probes import look_at
from tests.quick import is_quick

REDIRECT = Answer(302, b"", {"Location": "/there"})


def test_an_accepted_status_is_ok_with_the_time_of_each_phase():
    with http_target() as target:
        found = look_at("http", url=target.url())

    assert found.outcome == Outcome.OK
    assert found.response_ms > 0
    resolve, connect, tls, wait, transfer = found.phases.listed()
    assert tls is None
    assert min(resolve, connect, wait, transfer) >= 0
    assert resolve + connect + wait + transfer <= found.response_ms + 1


@pytest.mark.parametrize(
    ("status", "accepted", "outcome"),
    [
        (204, ["200-299"], Outcome.OK),
        (404, ["200-299"], Outcome.FAILED),
        (404, ["2xx", "404"], Outcome.OK),
        (503, ["5xx"], Outcome.OK),
        (500, ["200", "501-599"], Outcome.FAILED),
    ],
)
def test_statuses_are_accepted_by_code_range_and_class(status, accepted, outcome):
    with http_target(Answer(status, b"")) as target:
        assert look_at("http", url=target.url(), accepted_statuses=accepted).outcome == outcome


def test_fault_7_without_redirects_to_follow_a_redirect_is_an_answer_like_any_other():
    with http_target(REDIRECT) as target:
        accepted = look_at("http", url=target.url(), max_redirects=0, accepted_statuses=["3xx"])
        refused = look_at("http", url=target.url(), max_redirects=0)

    assert accepted.outcome == Outcome.OK
    assert (refused.outcome, refused.message) == (Outcome.FAILED, "The status is 302.")


def test_redirects_are_followed_and_the_chain_kept_without_secrets():
    onward = {"/start": "/middle?token=s3cret", "/middle?token=s3cret": "/there?token=s3cret"}

    def answer(asked):
        if asked.path in onward:
            return Answer(302, b"", {"Location": onward[asked.path]})
        return Answer(body=b"here")

    with http_target(answer) as target:
        found = look_at("http", url=target.url("/start"))

    assert found.outcome == Outcome.OK
    assert [hop["status"] for hop in found.detail["redirects"]] == [302, 302]
    assert "s3cret" not in json.dumps(found.detail)


def test_too_many_redirects_fail():
    with http_target(Answer(302, b"", {"Location": "/"})) as target:
        found = look_at("http", url=target.url(), max_redirects=3)

    assert found.outcome == Outcome.FAILED
    assert "redirects more than 3 times" in found.message
    assert len(target.asked) == 4


def test_assertions_say_what_was_expected_and_what_came():
    body = json.dumps({"status": "degraded", "password": "hunter2"}).encode()
    with http_target(Answer(200, body, {"Content-Type": "application/json"})) as target:
        found = look_at(
            "http",
            url=target.url(),
            assertions=[{"source": "jsonpath", "property": "$.status", "target": "ok"}],
        )

    assert found.outcome == Outcome.FAILED
    assert "$.status should be == ok but is degraded" in found.message
    assert found.detail["assertions"][0]["actual"] == "degraded"
    assert MASK in found.detail["answer"]["body"]
    assert "hunter2" not in json.dumps(found.detail)


def test_a_warning_makes_it_slow_and_not_down():
    assertion = {"source": "response_ms", "comparison": "<", "target": 0, "severity": "warn"}
    with http_target() as target:
        assert look_at("http", url=target.url(), assertions=[assertion]).outcome == Outcome.SLOW


def test_a_failing_answer_is_kept_masked_and_short():
    headers = {"Set-Cookie": "session=abc", "X-Why": "because"}
    with http_target(Answer(500, b"x" * 100_000, headers)) as target:
        answer = look_at("http", url=target.url()).detail["answer"]

    assert len(answer["body"]) == 4096
    assert answer["truncated"]
    assert answer["headers"]["X-Why"] == "because"
    assert "abc" not in answer["headers"]["Set-Cookie"]


def test_an_endless_answer_is_read_up_to_a_bound_and_a_slow_one_ends_in_time():
    def drip(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(100):
                    connection.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                return

    def took_s():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(10)
            thread = threading.Thread(target=drip, args=(listener,))
            thread.start()
            began = time.monotonic()
            found = look_at("http", url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=1)
            took_s = time.monotonic() - began
            thread.join()
        assert (found.outcome, found.message) == (Outcome.FAILED, "No complete answer within 1 s.")
        return took_s

    assert is_quick(took_s, within_s=3)


def test_a_closed_port_is_down_and_a_name_that_is_not_there_too():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert look_at("http", url=f"http://127.0.0.1:{port}/").outcome == Outcome.FAILED
    assert look_at("http", url="http://nowhere.invalid/").outcome == Outcome.FAILED


def test_an_address_that_our_settings_forbid_is_no_data_and_is_never_dialled():
    with http_target() as target:
        found = look_at("http", url=target.url(), policy=OutboundPolicy())
        metadata = look_at("http", url="http://169.254.169.254/latest/")

    assert found.outcome == metadata.outcome == Outcome.UNKNOWN
    assert target.asked == []


def test_a_fault_of_our_own_is_no_data(monkeypatch):
    monkeypatch.setattr("monitor.probing.kinds.http.judged", lambda *_, **__: 1 / 0)
    with http_target() as target:
        assert look_at("http", url=target.url()).outcome == Outcome.UNKNOWN


# --- TLS ---------------------------------------------------------------------------------------------------


def test_a_certificate_is_read_and_its_days_asserted(tmp_path):
    issued = issue(days=10)
    rule = {"source": "tls_days", "comparison": ">", "target": 14}
    with http_target(tls=issued.server_context(tmp_path)) as target:
        fine = look_at("http", url=target.url(), authorities=issued.authority)
        soon = look_at("http", url=target.url(), authorities=issued.authority, assertions=[rule])

    assert fine.outcome == Outcome.OK
    assert fine.phases.tls > 0
    assert fine.detail["certificate"]["names"] == ["localhost", "127.0.0.1"]
    assert soon.outcome == Outcome.FAILED
    assert "tls_days should be > 14" in soon.message


def test_a_refused_certificate_is_read_all_the_same(tmp_path):
    issued = issue(days=-1, age_days=30)
    with http_target(tls=issued.server_context(tmp_path)) as target:
        expired = look_at("http", url=target.url(), authorities=issued.authority)
        unknown = look_at("http", url=target.url())
        ignored = look_at("http", url=target.url(), verify_tls=False)

    assert expired.outcome == unknown.outcome == Outcome.FAILED
    assert "expired" in expired.message
    assert expired.certificate_until is not None
    assert unknown.detail["certificate"]["issuer"] == "CN=tests authority"
    assert ignored.outcome == Outcome.OK


def test_mutual_tls_shows_our_own_certificate(tmp_path):
    server, client = issue(), issue()
    context = server.server_context(tmp_path, client_authority=client.authority)
    mtls = {"type": "mtls", "certificate": client.certificate, "key": client.key}
    with http_target(tls=context) as target:
        known = look_at("http", url=target.url(), authorities=server.authority, auth=mtls)
        stranger = look_at("http", url=target.url(), authorities=server.authority)

    assert known.outcome == Outcome.OK
    assert stranger.outcome == Outcome.FAILED


def test_our_certificate_is_not_shown_to_where_a_redirect_leads(tmp_path):
    server, client = issue(), issue()
    context = server.server_context(tmp_path, client_authority=client.authority)
    mtls = {"type": "mtls", "certificate": client.certificate, "key": client.key}
    with (
        http_target(tls=context) as other,
        http_target(Answer(302, b"", {"Location": other.url()}), tls=context) as target,
    ):
        found = look_at("http", url=target.url(), authorities=server.authority, auth=mtls)

    assert (len(target.asked), other.asked) == (1, [])
    assert found.outcome == Outcome.FAILED


@pytest.mark.parametrize("auth", [{}, {"type": "api_key", "token": "k3y", "header": "X-Key"}])
def test_keys_in_headers_stay_behind_when_a_redirect_leaves_the_origin(auth):
    with http_target() as other, http_target(Answer(302, b"", {"Location": other.url()})) as target:
        headers = [["X-Functions-Key", "k3y"], ["Accept-Language", "de"]]
        look_at("http", url=target.url(), headers=headers, auth=auth)

    assert target.asked[0].headers["X-Functions-Key"] == "k3y"
    assert "k3y" not in other.asked[0].headers.values()
    assert other.asked[0].headers["Accept-Language"] == "de"


def test_header_values_are_shown_masked_but_for_plain_ones():
    shown = kind_named("http").masked({"headers": [["X-Master-Key", "k3y"], ["Accept-Language", "de"]]})

    assert shown["headers"] == [["X-Master-Key", MASK], ["Accept-Language", "de"]]


# --- Signing in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (
            {"type": "basic", "username": "ada", "password": "pw"},
            "Authorization",
            "Basic " + base64.b64encode(b"ada:pw").decode(),
        ),
        ({"type": "bearer", "token": "t0ken"}, "Authorization", "Bearer t0ken"),
        ({"type": "api_key", "token": "k3y", "header": "X-Key"}, "X-Key", "k3y"),
    ],
)
def test_logins_that_are_a_header(auth, header, value):
    with http_target() as target:
        look_at("http", url=target.url(), auth=auth)

    assert target.asked[0].headers[header] == value


@pytest.mark.parametrize(("algorithm", "hashed"), [("MD5", "md5"), ("SHA-256", "sha256")])
def test_a_digest_answers_the_challenge(algorithm, hashed):
    def digest(text):
        return hashlib.new(hashed, text.encode()).hexdigest()

    def answer(asked):
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', asked.headers.get("Authorization", "")))
        first, second = digest("ada:here:pw"), digest(f"{asked.method}:{asked.path}")
        wanted = digest(f"{first}:n0nce:{given.get('nc')}:{given.get('cnonce')}:auth:{second}")
        if given.get("response") == wanted and given["opaque"] == "o":
            return Answer()
        challenge = f'Digest realm="here", nonce="n0nce", qop="auth", opaque="o", algorithm={algorithm}'
        return Answer(401, b"", {"WWW-Authenticate": challenge})

    with http_target(answer) as target:
        right = look_at(
            "http", url=target.url("/a?b=c"), auth={"type": "digest", "username": "ada", "password": "pw"}
        )
        wrong = look_at(
            "http", url=target.url(), auth={"type": "digest", "username": "ada", "password": "no"}
        )

    assert right.outcome == Outcome.OK
    assert wrong.message == "The status is 401."


def test_an_oauth_token_is_asked_for_once_and_again_after_it_was_refused():
    tokens = iter(["one", "two"])
    valid = {"one"}

    def answer(asked):
        if asked.path == "/token":
            assert b"grant_type=client_credentials" in asked.body
            return Answer(body=json.dumps({"access_token": next(tokens), "expires_in": 3600}).encode())
        return Answer(200 if asked.headers["Authorization"].removeprefix("Bearer ") in valid else 401)

    with http_target(answer) as target:
        auth = {
            "type": "oauth2",
            "token_url": target.url("/token"),
            "client_id": "a",
            "client_secret": "b",
        }
        looks = [look_at("http", url=target.url(), auth=auth).outcome for _ in range(3)]
        valid.clear()
        valid.add("two")
        looks += [look_at("http", url=target.url(), auth=auth).outcome for _ in range(2)]

    assert looks == [Outcome.OK] * 3 + [Outcome.FAILED, Outcome.OK]
    assert [asked.path for asked in target.asked].count("/token") == 2


# --- Proxies -----------------------------------------------------------------------------------------------


def relay(one, other):
    def pump(source, sink):
        try:
            with contextlib.suppress(OSError):
                while chunk := source.recv(65_536):
                    sink.sendall(chunk)
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    threads = [threading.Thread(target=pump, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def http_proxy(connection, target_port, logins):
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    logins.append(re.search(rb"Proxy-Authorization: (.*)\r", head)[1])
    with socket.create_connection(("127.0.0.1", target_port)) as onward:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        relay(connection, onward)


def socks_proxy(connection, target_port, logins):
    connection.recv(4)
    connection.sendall(b"\x05\x02")
    logins.append(connection.recv(100))
    connection.sendall(b"\x01\x00")
    request = connection.recv(100)
    assert request[:4] == b"\x05\x01\x00\x01"
    with socket.create_connection(("127.0.0.1", target_port)) as onward:
        connection.sendall(b"\x05\x00\x00\x01" + b"\x00" * 6)
        relay(connection, onward)


@pytest.mark.parametrize(
    ("scheme", "proxy", "login"),
    [("http", http_proxy, b"Basic YWRhOnB3"), ("socks5", socks_proxy, b"\x01\x03ada\x02pw")],
)
def test_a_check_goes_through_a_proxy_with_its_login(scheme, proxy, login):
    logins = []

    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            proxy(connection, target.port, logins)

    with http_target() as target, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        found = look_at("http", url=target.url(), proxy={"url": url, "username": "ada", "password": "pw"})
        thread.join()

    assert found.outcome == Outcome.OK
    assert logins == [login]
    assert len(target.asked) == 1


def test_a_proxy_is_no_way_around_the_guard():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        found = look_at("http", url="http://10.0.0.1/", proxy={"url": url})
        behind = look_at("http", url="http://example.test/", proxy={"url": url}, policy=OutboundPolicy())

    assert found.outcome == behind.outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_name_that_leads_to_a_private_address_is_none_for_a_proxy_either(scheme):
    def resolve(host, port):
        if host == "unknown.example":
            raise OSError("nobody here knows it")
        return ["10.0.0.1"] if host == "inside.example" else [host]

    def through(host):
        return asyncio.run(
            open_through(proxy, host, 80, policy=OutboundPolicy(allow_loopback=True), resolve=resolve)
        )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = parse_proxy(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(BlockedTarget):
            through("inside.example")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()

        def serve():
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(200))

        asked = []
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        # What nobody here knows is the proxy's to find.
        with pytest.raises(NotConnected):
            through("unknown.example")
        thread.join()
    assert asked


# --- The request -------------------------------------------------------------------------------------------


def test_the_body_has_its_type_and_headers_may_repeat():
    with http_target() as target:
        look_at(
            "http",
            url=target.url(),
            method="POST",
            body="query { me }",
            body_type="graphql",
            headers=[["X-A", "1"]],
        )

    asked = target.asked[0]
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body) == {"query": "query { me }"}
    assert asked.headers["X-A"] == "1"


def test_a_cache_is_got_past_by_a_parameter_that_is_new_each_time():
    with http_target() as target:
        for _ in range(2):
            look_at("http", url=target.url("/?a=b"), cache_buster=True)

    assert len({asked.path for asked in target.asked}) == 2
    assert all(asked.path.startswith("/?a=b&cache_buster=") for asked in target.asked)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "url"),
        ({"url": "ftp://a"}, "http://"),
        ({"url": "http://a:b@c/"}, "password"),
        ({"url": "http://a/", "accepted_statuses": ["ok"]}, "no code"),
        ({"url": "http://a/", "auth": {"type": "bearer"}}, "token"),
        ({"url": "http://a/", "proxy": {"url": "ftp://x"}}, "proxy"),
        ({"url": "http://a/", "colour": "red"}, "colour"),
        ({"url": "http://a/", "assertions": [{"source": "jsonpath", "property": "x"}]}, "JSONPath"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(config, words):
    with pytest.raises(BadConfig, match=words):
        kind_named("http").read(config)


def test_many_looks_run_side_by_side():
    from monitor.probing.finding import Way
    from monitor.probing.look import look
    from tests.probing.probes import HOME

    def answer(asked):
        time.sleep(0.2)
        return Answer()

    async def all_at_once(options):
        way = Way(policy=HOME, timeout_s=5)
        return await asyncio.gather(*(look(kind_named("http"), options, way) for _ in range(30)))

    with http_target(answer) as target:
        options = kind_named("http").read({"url": target.url()})

        def took_s():
            began = time.monotonic()
            found = asyncio.run(all_at_once(options))
            assert {each.outcome for each in found} == {Outcome.OK}
            return time.monotonic() - began

        assert is_quick(took_s, within_s=3)


def test_judging_one_answer_keeps_no_other_check_waiting():
    from monitor.probing.finding import Way
    from monitor.probing.look import look
    from tests.probing.probes import HOME

    slow = [{"source": "body", "comparison": "matches", "target": "^(a|a)*$"}] * 3

    async def longest_pause_s(options):
        longest, last = 0.0, time.monotonic()
        looking = asyncio.create_task(look(kind_named("http"), options, Way(policy=HOME, timeout_s=20)))
        while not looking.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert looking.result().outcome == Outcome.FAILED
        return longest

    with http_target(Answer(body=b"a" * 60 + b"!")) as target:
        options = kind_named("http").read({"url": target.url(), "assertions": slow})

        assert is_quick(lambda: asyncio.run(longest_pause_s(options)), within_s=0.3)


def test_a_check_that_only_waited_for_others_says_nothing_of_its_target(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from monitor.probing.kinds import http

    over = threading.Event()
    with ThreadPoolExecutor(1) as narrow, http_target() as target:
        narrow.submit(over.wait, 60)
        monkeypatch.setattr(http, "JUDGING", narrow)
        asked = [{"source": "status", "target": 200}]
        found = look_at("http", url=target.url(), assertions=asked, timeout_s=0.3)
        over.set()

    assert (found.outcome, "wait for others" in found.message) == (Outcome.UNKNOWN, True)


def test_look_ups_of_one_name_share_a_thread_and_those_of_others_are_not_held_against_them(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from monitor.lib.outbound import lines
    from monitor.probing.finding import Way
    from monitor.probing.look import look
    from tests.probing.probes import HOME

    over, asked = threading.Event(), []

    def resolve(host, port):
        asked.append(host)
        if host == "slow.test":
            over.wait(60)
        return ["127.0.0.1"]

    async def looks(target):
        def one(host, timeout_s):
            options = kind_named("http").read({"url": f"http://{host}:{target.port}/"})
            return look(kind_named("http"), options, Way(policy=HOME, timeout_s=timeout_s, resolve=resolve))

        slow = [asyncio.create_task(one("slow.test", timeout_s)) for timeout_s in (0.3, 0.4, 5)]
        beside = await one("beside.test", 0.3)
        with ThreadPoolExecutor(1) as narrow:
            monkeypatch.setattr(lines, "_RESOLVING", narrow)
            narrow.submit(over.wait, 60)
            starved = await one("starved.test", 0.3)
            late = await asyncio.gather(*slow[:2])
            over.set()
            return beside, starved, late, await slow[2]

    with ThreadPoolExecutor(2) as wide, http_target() as target:
        monkeypatch.setattr(lines, "_RESOLVING", wide)
        beside, starved, late, patient = asyncio.run(looks(target))

    assert asked.count("slow.test") == 1
    assert (beside.outcome, patient.outcome) == (Outcome.OK, Outcome.OK)
    assert starved.outcome == Outcome.UNKNOWN
    # Their own look-up ran, and was too slow.
    assert [each.outcome for each in late] == [Outcome.FAILED] * 2
