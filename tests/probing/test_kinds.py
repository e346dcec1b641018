"""The other kinds, each against a real server on loopback."""

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
import types

import pytest

from monitor.lib.outbound import OutboundPolicy, turns
from monitor.probing import BadConfig, Outcome, all_kinds, kind_named
from monitor.probing.certificates import read_certificate
from monitor.probing.finding import Way
from monitor.probing.kinds.ping import checksum, packed
from monitor.probing.look import look
from tests.probing.http_target import http_target, issue
from tests.probing.probes import HOME, look_at
from tests.probing.servers import health_server, name_server, way_to_postgres

OK, SLOW, FAILED, UNKNOWN = Outcome.OK, Outcome.SLOW, Outcome.FAILED, Outcome.UNKNOWN
NOT_ALLOWED = OutboundPolicy()


@contextlib.contextmanager
def talker(*lines):
    """A server that says these in turn, each after something was heard, the first at once if it is bytes."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection_, _ = listener.accept()
                    with connection_:
                        connection_.settimeout(10)
                        for waits, line in lines:
                            if waits:
                                heard.append(connection_.recv(4096))
                            connection_.sendall(line)
                        with contextlib.suppress(OSError):
                            connection_.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_tcp_connects_and_hears_what_it_should():
    with talker((True, b"hello there")) as (port, heard):
        fine = look_at("tcp", host="127.0.0.1", port=port, send="hi\\r\\n", expect="there")
        wrong = look_at("tcp", host="127.0.0.1", port=port, send="hi", expect="nobody", timeout_s=2)
        open_ = look_at("tcp", host="127.0.0.1", port=port)

    assert (fine.outcome, open_.outcome) == (OK, OK)
    assert fine.phases.connect is not None
    assert wrong.outcome == FAILED
    assert heard[0] == b"hi\r\n"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("tcp", {}),
        ("redis", {}),
        ("smtp", {}),
        ("tls", {}),
        ("postgres", {"username": "ada"}),
    ],
)
def test_a_closed_port_is_down_and_a_forbidden_one_no_data(kind, config):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = {"host": "127.0.0.1", "port": port, **config}

    assert look_at(kind, **config).outcome == FAILED
    assert look_at(kind, policy=NOT_ALLOWED, **config).outcome == UNKNOWN


def test_redis_signs_in_and_pings():
    with talker((True, b"+OK\r\n"), (True, b"+PONG\r\n")) as (port, heard):
        fine = look_at("redis", host="127.0.0.1", port=port, password="pw")
    with talker((True, b"-NOAUTH Authentication required.\r\n")) as (port, _):
        refused = look_at("redis", host="127.0.0.1", port=port)

    assert fine.outcome == OK
    assert heard[0] == b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"
    assert (refused.outcome, "NOAUTH" in refused.message) == (FAILED, True)


def test_smtp_greets_and_offers_what_it_must():
    greeting, offer = (False, b"220 mail.test ESMTP\r\n"), (True, b"250-mail.test\r\n250 SIZE 1000\r\n")
    with talker(greeting, offer) as (port, heard):
        plain = look_at("smtp", host="127.0.0.1", port=port)
        strict = look_at("smtp", host="127.0.0.1", port=port, security="require")
    with talker((False, b"554 go away\r\n")) as (port, _):
        refused = look_at("smtp", host="127.0.0.1", port=port)

    assert plain.outcome == OK
    assert heard[0].startswith(b"EHLO ")
    assert (strict.outcome, strict.message) == (FAILED, "STARTTLS is not offered.")
    assert (refused.outcome, "554" in refused.message) == (FAILED, True)


@pytest.mark.parametrize(
    ("days", "outcome", "words"),
    [
        (90, OK, "90 days left"),
        (14, SLOW, "14 days left"),
        (3, FAILED, "3 days left"),
        (1, FAILED, "1 day left"),
        (-1, FAILED, "Expired 1 day ago"),
        (-2, FAILED, "Expired 2 days ago"),
    ],
)
def test_a_certificate_is_judged_by_its_days(tmp_path, days, outcome, words):
    issued = issue(days=days, age_days=30)
    with http_target(tls=issued.server_context(tmp_path)) as target:
        found = look_at("tls", host="127.0.0.1", port=target.port, authorities=issued.authority)

    assert found.outcome == outcome
    assert words in found.message
    assert found.certificate_until is not None


def test_a_certificate_of_nobody_known_is_refused_and_still_read(tmp_path):
    with http_target(tls=issue().server_context(tmp_path)) as target:
        found = look_at("tls", host="127.0.0.1", port=target.port)

    assert found.outcome == FAILED
    assert "refused" in found.message
    assert found.detail["certificate"]["issuer"] == "CN=tests authority"


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("0:0:0:0:0:0:0:1", True),
        ("Shop.Example.", True),
        ("api.shop.example", True),
        ("a.api.shop.example", False),
        ("example", False),
        ("10.0.0.7", False),
    ],
)
def test_a_certificate_covers_its_names_and_addresses_alone(host, covered):
    issued = issue(hosts=["shop.example", "*.shop.example", "10.0.0.7"], addresses=["127.0.0.1", "::1"])
    certificate = read_certificate(ssl.PEM_cert_to_DER_cert(issued.certificate))

    shown = certificate.as_detail(host)
    assert shown["names"] == ["shop.example", "*.shop.example", "10.0.0.7", "127.0.0.1", "::1"]
    assert (shown["host"], shown["covers_host"]) == (host, covered)


def test_a_certificate_without_the_address_that_is_asked_is_refused_and_says_what_it_names(tmp_path):
    issued = issue(addresses=["192.0.2.1"])
    with http_target(tls=issued.server_context(tmp_path)) as target:
        found = look_at("tls", host="127.0.0.1", port=target.port, authorities=issued.authority)

    assert found.outcome == FAILED
    assert found.detail["certificate"]["names"] == ["localhost", "192.0.2.1"]
    assert found.detail["certificate"]["covers_host"] is False


def test_dns_gives_records_that_match():
    with name_server({"shop.test": ["192.0.2.1", "192.0.2.2"]}.get) as port:
        given = {"resolver": "127.0.0.1", "port": port}
        fine = look_at("dns", name="shop.test", expect=r"^192\.0\.2\.2$", **given)
        wrong = look_at("dns", name="shop.test", expect=r"^198", **given)
        missing = look_at("dns", name="nobody.test", **given)
        forbidden = look_at("dns", name="shop.test", policy=NOT_ALLOWED, **given)

    assert (fine.outcome, fine.message) == (OK, "192.0.2.1, 192.0.2.2")
    assert wrong.outcome == FAILED
    assert (missing.outcome, missing.message) == (FAILED, "No A record (NXDOMAIN).")
    assert forbidden.outcome == UNKNOWN


def test_a_ping_comes_back_or_says_that_we_may_not_send_one():
    found = look_at("ping", host="127.0.0.1", count=2)

    if found.outcome == UNKNOWN:
        assert "may not send pings" in found.message
    else:
        assert (found.outcome, found.response_ms > 0) == (OK, True)


def test_where_no_socket_for_pings_is_given_the_target_is_not_down(monkeypatch):
    def refused(*_):
        raise PermissionError

    # The module's own view of sockets: the event loop needs its real ones.
    seen = types.SimpleNamespace(**{**vars(socket), "socket": refused})
    monkeypatch.setattr("monitor.probing.kinds.ping.socket", seen)

    assert look_at("ping", host="127.0.0.1").outcome == UNKNOWN


def test_an_echo_request_sums_to_nothing_as_rfc_1071_wants():
    packet = packed(8, 1, b"odd")

    assert checksum(packet) == 0
    assert struct.unpack("!BB", packet[:2]) == (8, 0)


@pytest.mark.django_db
def test_postgres_reads_one_row_of_however_many(settings):
    with way_to_postgres(settings) as (given, sent):
        found = look_at("postgres", **given, query="SELECT repeat('x', 1000) FROM generate_series(1, 200000)")

    assert found.outcome == OK
    assert sum(sent) < 20_000_000


@pytest.mark.django_db
def test_postgres_does_not_read_a_huge_value_and_shows_what_has_no_cursor(settings):
    with way_to_postgres(settings) as (given, sent):
        huge = look_at("postgres", **given, query="SELECT repeat('x', 50000000);")
        shown = look_at("postgres", **given, query="SHOW server_version")
        broken = look_at("postgres", **given, query="SELECT 1/0")
        nonsense = look_at("postgres", **given, query="SELEKT 1")

    assert (huge.outcome, shown.outcome) == (OK, OK)
    assert sum(sent) < 1_000_000
    assert (broken.outcome, "division by zero" in broken.message) == (FAILED, True)
    assert nonsense.outcome == FAILED


@pytest.mark.django_db
def test_postgres_signs_in_and_reads(settings):
    with way_to_postgres(settings) as (given, _):
        check_reading(given)


def check_reading(given):
    assert look_at("postgres", **given).outcome == OK
    assert look_at("postgres", **given, query="SELECT 1 WHERE false").message == "The query gives no row."
    writes = look_at("postgres", **given, query="CREATE TABLE nope (a int)")
    assert writes.outcome == FAILED
    wrong = look_at("postgres", **{**given, "password": "wr0ng-s3cret"}, query="SELECT 1 WHERE false")
    assert wrong.outcome == FAILED
    assert "wr0ng-s3cret" not in wrong.message


@contextlib.contextmanager
def upgrader(*, accept=True, protocol=""):
    """A server that upgrades to WebSocket, or says what looks like it."""

    def answer(request):
        key = re.search(rb"Sec-WebSocket-Key: (.*)\r", request)[1].strip()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
        given = base64.b64encode(digest) if accept else b"nonsense"
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        chosen = b"Sec-WebSocket-Protocol: " + protocol.encode() + b"\r\n" if protocol else b""
        return head + chosen + b"Sec-WebSocket-Accept: " + given + b"\r\n\r\n"

    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection_, _ = listener.accept()
                    with connection_:
                        connection_.settimeout(10)
                        connection_.sendall(answer(connection_.recv(65_536)))
                        with contextlib.suppress(OSError):
                            heard.append(connection_.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/live", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_websocket_is_upgraded_and_closed_politely():
    with upgrader(protocol="chat") as (url, heard):
        fine = look_at("websocket", url=url)
        agreed = look_at("websocket", url=url, subprotocol="chat")
        other = look_at("websocket", url=url, subprotocol="mail")
    with upgrader(accept=False) as (url, _):
        pretended = look_at("websocket", url=url)
    with http_target() as target:
        refused = look_at("websocket", url=target.url().replace("http", "ws"))

    assert [each.outcome for each in (fine, agreed, other, pretended)] == [OK, OK, FAILED, FAILED]
    assert heard[0].startswith(b"\x88")
    assert refused.message == "The upgrade was answered 200."


@pytest.mark.parametrize(
    ("status", "grpc_status", "outcome", "words"),
    [
        (1, "0", OK, "SERVING"),
        (2, "0", FAILED, "NOT_SERVING"),
        (0, "0", FAILED, "UNKNOWN"),
        (1, "12", FAILED, "status 12"),
    ],
)
def test_grpc_health_is_what_the_server_says(status, grpc_status, outcome, words):
    with health_server(status, grpc_status=grpc_status) as (port, asked):
        found = look_at("grpc", host="127.0.0.1", port=port, tls=False, service="shop.Cart")

    assert (found.outcome, words in found.message) == (outcome, True)
    assert asked[0][5:] == b"\x0a\x09shop.Cart"


def test_every_kind_speaks_of_itself_and_its_fields_are_options():
    for kind in all_kinds():
        asked = {field.name.partition(".")[0] for field in kind.fields}
        known = set(kind.options.__struct_fields__)
        # A kind with an editor of its own asks there.
        assert asked == known or (kind.editor and asked <= known), kind.name
        assert kind.words


def test_an_unknown_kind_is_named():
    with pytest.raises(BadConfig, match="http"):
        kind_named("carrier-pigeon")


@pytest.mark.parametrize("kind", ["dns", "ping", "tcp"])
def test_a_prober_that_stood_still_calls_nothing_down_whoever_noticed_it(monkeypatch, kind):
    """Some kinds have time limits of their own, which pass as ours does."""
    monkeypatch.setattr(turns, "HELD_UP_S", 0.3)

    async def stopped_meanwhile(options):
        asyncio.get_running_loop().call_later(0.1, time.sleep, 1.2)
        return await look(kind_named(kind), options, Way(policy=HOME, timeout_s=0.4))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute, talker((True, b"")) as (port, _):
        mute.bind(("127.0.0.1", 0))
        config = {
            "dns": {"name": "shop.test", "resolver": "127.0.0.1", "port": mute.getsockname()[1]},
            "ping": {"host": "127.0.0.1", "count": 1},
            "tcp": {"host": "127.0.0.1", "port": port, "expect": "something"},
        }[kind]
        if kind == "ping":
            monkeypatch.setattr("monitor.probing.kinds.ping.open_socket", deaf)
        found = asyncio.run(stopped_meanwhile(kind_named(kind).read(config)))

    assert (found.outcome, found.message) == (UNKNOWN, "The prober stood still during this check.")


def deaf(version):
    """A socket that takes what is sent and hears nothing."""

    class Deaf(socket.socket):
        def sendto(self, packet, address):
            return len(packet)

    return Deaf(socket.AF_INET, socket.SOCK_DGRAM)
