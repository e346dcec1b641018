"""The one door to the outside, against real servers on loopback."""

import contextlib
import gzip
import itertools
import socket
import ssl
import threading
import time
import zlib
from ipaddress import ip_network

import pytest

from monitor.lib.outbound import BLOCKED_MESSAGE, BadHeader, OutboundError, OutboundPolicy, UnusableUrl, send
from tests.lib.servers import CERTIFICATE, answer, serve

LOOPBACK = OutboundPolicy(allow_loopback=True)
PUBLIC_ONLY = OutboundPolicy()


def call(url, method="GET", **given):
    return send(method, url, **{"policy": LOOPBACK, "timeout_s": 5, "max_response_bytes": 100_000, **given})


def refused(url, **given):
    with pytest.raises(OutboundError) as raised:
        call(url, **given)
    return raised.value


def to_loopback(host, port):
    return ["127.0.0.1"]


# What goes out and comes back


def test_a_request_goes_out_as_given_and_its_answer_comes_back():
    with serve(answer("grüße".encode(), status="418 Teapot", headers="X-One: ü\r\nX-One: 2\r\n")) as server:
        response = call(
            server.url("/a?b=%20c"), "post", headers=[("X-Trace", "1"), ("X-Trace", "2")], body=b"hello"
        )

    assert server.requests == [
        b"POST /a?b=%20c HTTP/1.1\r\nHost: 127.0.0.1:"
        + str(server.port).encode()
        + b"\r\nX-Trace: 1\r\nX-Trace: 2\r\n"
        b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
    ]
    assert (response.status_code, response.body.decode()) == (418, "grüße")
    assert (response.truncated, response.undecoded, response.redirects) == (False, "", ())
    assert [value for name, value in response.headers if name == "X-One"] == ["ü", "2"]
    assert response.header("x-one") == "ü"
    assert response.url == server.url("/a?b=%20c")
    assert response.dialled == "127.0.0.1"
    assert 0 < response.latency_ms < 5_000


def test_length_and_connection_are_never_taken_from_the_caller():
    lies = [
        ("Content-Length", "99"),
        ("transfer-encoding", "chunked"),
        ("Connection", "keep-alive, X-A"),
        ("Expect", "x"),
    ]

    with serve(answer()) as server:
        call(server.url(), "PUT", headers=[*lies, ("Host", "other.example")], body=b"12")

    head = server.requests[0].partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    assert head == [b"Host: other.example", b"Connection: close", b"Content-Length: 2"]


@pytest.mark.parametrize(
    ("story", "raw", "body"),
    [
        ("chunked", b"1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        ("until the end", b"1 200 OK\r\n\r\nabc", b"abc"),
        ("HTTP 1.0", b"0 200 OK\r\n\r\nabc", b"abc"),
        ("nothing", b"1 204 No Content\r\n\r\n", b""),
        ("early hints", b"1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
    ],
)
def test_an_answer_of_any_framing_is_read(story, raw, body):
    with serve(lambda connection, _: connection.sendall(b"HTTP/1." + raw)) as server:
        assert call(server.url()).body == body


def test_the_answer_to_head_has_no_body_whatever_its_length_says():
    with serve(
        lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    ) as server:
        assert call(server.url(), "HEAD").body == b""


def test_an_early_refusal_of_a_large_upload_is_heard():
    def refuse(connection, request):
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with serve(refuse) as server:
        assert call(server.url(), "POST", body=b"x" * 5_000_000).status_code == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    ],
)
def test_an_answer_that_is_no_http_is_named_so(raw):
    with serve(lambda connection, _: connection.sendall(raw)) as server:
        error = refused(server.url())

    assert (error.error_class, error.retryable) == ("protocol", True)


def test_a_closed_port_is_a_failed_connection():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    error = refused(f"http://127.0.0.1:{port}/")

    assert (error.error_class, error.retryable) == ("connect", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "a\r\nX-B: c"), ("X-A", "a\nb"), ("X-A", "a\x00b"), ("X-A", "\ud800"), ("X-A", "\x7f")],
)
def test_a_header_value_that_could_split_the_request_is_refused_by_name(name, value):
    with pytest.raises(BadHeader, match=r"header X-A ") as raised:
        call("http://127.0.0.1/", headers=[(name, value)])

    assert value not in str(raised.value)


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\r\nA", "X\x00", "Ü", "X-A\n"])
def test_a_header_name_that_is_none_is_refused(name):
    with pytest.raises(BadHeader, match="header name"):
        call("http://127.0.0.1/", headers=[(name, "a")])


@pytest.mark.parametrize("method", ["", "GET /", "GE T", "GET\r\n", "CONNECT", "connect"])
def test_a_method_that_cannot_be_sent_is_refused(method):
    with pytest.raises(ValueError, match="method"):
        call("http://127.0.0.1/", method)


def test_the_repr_of_an_answer_keeps_its_content_to_itself():
    with serve(answer(b"hunter2", headers="Set-Cookie: hunter2\r\n")) as server:
        assert "hunter2" not in repr(call(server.url("/?a=hunter2")))


# Where it may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0",
        "0.0.0.0", "localhost", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",  # noqa: S104
        "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[fec0::1]",
        "[fe80::1]", "[fd00:ec2::254]", "169.254.169.254", "0xa9fea9fe", "100.100.100.200",
        "168.63.129.16", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "224.0.0.1",
        "255.255.255.255",
    ],
)  # fmt: skip
def test_every_spelling_of_an_inner_address_is_refused_before_a_packet_leaves(host):
    with serve(answer()) as server:
        error = refused(server.url(host=host), policy=PUBLIC_ONLY)

    assert (error.error_class, str(error)) == ("blocked", BLOCKED_MESSAGE)
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["http://①②⑦.⓪.⓪.①/", "http://a@127.0.0.1/", "http://[fe80::1%25lo]/", "http://0177.0.0.1/"]
)
def test_an_unclear_url_is_refused_before_anything_is_resolved(url):
    with pytest.raises(UnusableUrl):
        call(url, resolve=pytest.fail)


def test_a_name_is_asked_for_once_and_the_judged_address_dialled(monkeypatch):
    """DNS rebinding: a resolver that answers well once and ill ever after."""
    asked = []
    flip_flop = itertools.chain(["127.0.0.1"], itertools.repeat("10.0.0.1"))

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(flip_flop), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with serve(answer()) as server:
        url = server.url(host="rebind.test")
        first = call(url)
        second = refused(url)

    assert (first.status_code, second.error_class) == (200, "blocked")
    assert asked == ["rebind.test", "rebind.test"]
    assert server.connections == 1
    assert b"Host: rebind.test:" in server.requests[0]


def test_one_inner_address_among_the_answers_refuses_the_name():
    with serve(answer()) as server:
        error = refused(server.url(host="mixed.test"), resolve=lambda *_: ["127.0.0.1", "10.0.0.1"])

    assert error.error_class == "blocked"
    assert "10." not in str(error)
    assert server.connections == 0


def test_the_next_address_is_tried_when_the_first_is_deaf():
    with serve(answer()) as server:
        response = call(server.url(host="two.test"), resolve=lambda *_: ["127.0.0.2", "127.0.0.1"])

    assert response.dialled == "127.0.0.1"


def test_a_port_or_scheme_outside_the_policy_is_refused_in_the_same_words():
    with serve(answer()) as server:
        by_port = refused(
            server.url(), policy=OutboundPolicy(allow_loopback=True, ports=frozenset({80, 443}))
        )
        by_scheme = refused(
            server.url(), policy=OutboundPolicy(allow_loopback=True, schemes=frozenset({"https"}))
        )
        allowed = call(
            server.url(), policy=OutboundPolicy(allow_loopback=True, ports=frozenset({server.port}))
        )

    assert str(by_port) == str(by_scheme) == BLOCKED_MESSAGE
    assert (allowed.status_code, server.connections) == (200, 1)


def test_a_network_of_the_operator_is_reached():
    with serve(answer()) as server:
        assert call(server.url(), policy=OutboundPolicy(allow=(ip_network("127.0.0.1"),))).status_code == 200


def test_proxies_of_the_environment_are_ignored(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with serve(answer()) as server:
        assert call(server.url()).status_code == 200


def test_each_call_has_a_connection_of_its_own():
    with serve(answer()) as server:
        for _ in range(3):
            call(server.url())

    assert server.connections == 3


@pytest.mark.parametrize(
    ("outcome", "retryable"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), True),
        (OSError(), True),
        (UnicodeError("label"), False),
        ([], True),
    ],
)
def test_a_name_without_an_address_is_a_matter_of_dns(outcome, retryable):
    def resolve(host, port):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    error = refused("http://gone.test/", resolve=resolve)

    assert (error.error_class, error.retryable) == ("dns", retryable)


def test_an_impossible_name_is_a_matter_of_dns():
    assert refused("http://a..b/").error_class == "dns"


# Redirects


def redirect_to(location, status="302 Found"):
    return answer(b"moved", status=status, headers=f"Location: {location}\r\n")


def test_a_redirect_is_an_answer_unless_asked_for():
    with serve(redirect_to("http://10.0.0.1/")) as server:
        response = call(server.url())

    assert (response.status_code, response.header("location")) == (302, "http://10.0.0.1/")
    assert response.body == b"moved"


def test_a_redirect_is_followed_on_request():
    def handle(connection, request):
        moved = request.startswith(b"GET /a ")
        (redirect_to("b?c=1#top") if moved else answer(b"there"))(connection, request)

    with serve(handle) as server:
        response = call(server.url("/a"), max_redirects=1)

    assert (response.body, response.url) == (b"there", server.url("/b?c=1"))
    assert response.redirects == (server.url("/a"),)


@pytest.mark.parametrize("location", ["http://10.0.0.1/", "http://0x7f.1/", "//[::1]/", "http://inner.test/"])
def test_a_redirect_into_the_inside_is_refused(location):
    def resolve(host, port):
        inside = {"inner.test": "192.168.1.1", "outer.test": "127.0.0.2"}
        return [inside.get(host) or socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]]

    policy = OutboundPolicy(allow=(ip_network("127.0.0.2"),))
    with listening_on("127.0.0.2", redirect_to(location)) as port:
        error = refused(f"http://outer.test:{port}/", policy=policy, max_redirects=5, resolve=resolve)

    assert error.error_class == "blocked"


@contextlib.contextmanager
def listening_on(address, handle):
    """One connection on a loopback address other than 127.0.0.1."""
    with socket.create_server((address, 0)) as listener:

        def work():
            connection, _ = listener.accept()
            with connection:
                handle(connection, connection.recv(65_536))

        thread = threading.Thread(target=work)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/", "http://a@127.0.0.1/", "http://[bad", "file:///etc/passwd"]
)
def test_a_redirect_to_no_usable_url_is_a_bad_answer(location):
    with serve(redirect_to(location)) as server:
        error = refused(server.url(), max_redirects=5)

    assert (error.error_class, error.retryable) == ("protocol", False)


def test_redirects_without_end_are_stopped():
    with serve(redirect_to("/again")) as server:
        error = refused(server.url(), max_redirects=3)

    assert (error.error_class, error.retryable) == ("protocol", False)
    assert server.connections == 4


CREDENTIALS = [
    ("Authorization", "Bearer a"),
    ("cookie", "b=c"),
    ("X-Api-Key", "d"),
    ("X-Functions-Key", "e"),
    ("Ocp-Apim-Subscription-Key", "e"),
    ("DD-APPLICATION-KEY", "e"),
    ("X-Client-Key", "e"),
    ("X-Master-Key", "e"),
    ("Accept-Language", "e"),
    ("Host", "f.test"),
]


def test_credentials_stay_behind_when_the_origin_changes():
    with serve(answer()) as other, serve(redirect_to(other.url("/x"))) as server:
        call(server.url(), headers=CREDENTIALS, max_redirects=1)

    assert b"Authorization: Bearer a" in server.requests[0]
    head = other.requests[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    host = f"Host: 127.0.0.1:{other.port}".encode()
    assert head == [b"GET /x HTTP/1.1", host, b"Accept-Language: e", b"Connection: close"]


def test_credentials_stay_where_the_origin_stays():
    def handle(connection, request):
        (redirect_to("/b") if b" /a " in request else answer())(connection, request)

    with serve(handle) as server:
        call(server.url("/a"), headers=CREDENTIALS, max_redirects=1)

    assert all(b"Authorization: Bearer a" in request for request in server.requests)


@pytest.mark.parametrize(
    ("status", "method", "second"),
    [
        ("301 Moved", "POST", b"GET"), ("302 Found", "POST", b"GET"), ("303 See Other", "PUT", b"GET"),
        ("302 Found", "PUT", b"PUT"), ("307 Temporary", "POST", b"POST"), ("308 Permanent", "POST", b"POST"),
    ],
)  # fmt: skip
def test_method_and_body_follow_as_browsers_do(status, method, second):
    def handle(connection, request):
        (redirect_to("/b", status) if b" /a " in request else answer())(connection, request)

    with serve(handle) as server:
        call(
            server.url("/a"), method, headers=[("Content-Type", "text/plain")], body=b"hello", max_redirects=1
        )

    request = server.requests[1]
    assert request.startswith(second + b" /b ")
    assert request.endswith(b"hello") is (second != b"GET")
    assert (b"Content-Type" in request) is (second != b"GET")


@pytest.mark.parametrize("status", ["307 Temporary", "308 Permanent"])
def test_a_body_stays_where_the_origin_stays(status):
    with serve(answer()) as other, serve(redirect_to(other.url("/b"), status)) as server:
        error = refused(server.url("/a"), method="POST", body=b"secret", max_redirects=1)
        assert call(server.url("/a"), max_redirects=1).status_code == 200

    assert (error.error_class, error.retryable) == ("protocol", False)
    assert "another origin" in str(error)
    assert [request[:3] for request in other.requests] == [b"GET"]


# Bounds


def never_answer(connection, request):
    connection.recv(1)
    raise ConnectionError("The other side went away.")


def drip(head):
    def handle(connection, request):
        connection.sendall(head)
        while True:
            time.sleep(0.05)
            connection.sendall(b"a")

    return handle


@pytest.mark.parametrize(
    "handle",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        drip(b""),
        never_answer,
    ],
    ids=["body", "header", "status line", "silence"],
)
def test_an_answer_that_drips_or_never_comes_is_stopped_in_time(handle):
    with serve(handle) as server:
        started = time.monotonic()
        error = refused(server.url(), timeout_s=0.4)
        took_s = time.monotonic() - started

        assert server.broken.wait(5)
    assert (error.error_class, error.retryable) == ("timeout", True)
    assert 0.3 < took_s < 2


def test_a_reader_that_takes_no_bytes_is_stopped_in_time():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        error = refused(url, method="POST", body=b"x" * 50_000_000, timeout_s=0.4)

    assert error.error_class == "timeout"


def test_a_resolver_that_hangs_is_stopped_in_time():
    release = threading.Event()

    def hang(host, port):
        release.wait(10)
        return ["127.0.0.1"]

    error = refused("http://slow.test/", resolve=hang, timeout_s=0.3)
    release.set()

    assert error.error_class == "timeout"


def test_redirects_share_one_deadline():
    def slow(connection, request):
        time.sleep(0.2)
        redirect_to("/again")(connection, request)

    with serve(slow) as server:
        error = refused(server.url(), timeout_s=0.5, max_redirects=50)

    assert error.error_class == "timeout"
    assert server.connections <= 4


def test_an_endless_body_is_kept_to_the_limit_and_the_connection_closed():
    def handle(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with serve(handle) as server:
        response = call(server.url(), max_response_bytes=1_000)
        assert server.broken.wait(5)

    assert (response.body, response.truncated) == (b"x" * 1_000, True)


def test_a_body_of_exactly_the_limit_is_whole():
    with serve(answer(b"x" * 1_000)) as server:
        response = call(server.url(), max_response_bytes=1_000)

    assert (len(response.body), response.truncated) == (1_000, False)


# Content encodings


def raw_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("X-GZip", gzip.compress(b"hello", mtime=0)),
        ("gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", raw_deflate(b"hello")),
        ("deflate, gzip", gzip.compress(zlib.compress(b"hello"), mtime=0)),
        ("identity", b"hello"),
        ("", b"hello"),
    ],
)
def test_a_compressed_answer_is_unfolded(encoding, packed):
    with serve(answer(packed, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        response = call(server.url())

    assert (response.body, response.truncated, response.undecoded) == (b"hello", False, "")


@pytest.mark.parametrize(
    ("encoding", "undecoded"),
    [("br", "br"), ("gzip", "gzip"), ("gzip, br", "gzip, br"), ("gzip, gzip, gzip",) * 2],
)
def test_what_cannot_be_unfolded_comes_as_it_was_sent(encoding, undecoded):
    with serve(answer(b"\x1f\x8bnot really", headers=f"Content-Encoding: {encoding}\r\n")) as server:
        response = call(server.url())

    assert (response.body, response.undecoded) == (b"\x1f\x8bnot really", undecoded)


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(b"\0" * 50_000_000),
        gzip.compress(gzip.compress(b"\0" * 50_000_000)),
        gzip.compress(b"") * 2_000 + gzip.compress(b"\0" * 50_000_000),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_bomb_stays_within_the_limit(bomb, encoding):
    with serve(answer(bomb, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        response = call(server.url())

    assert len(response.body) <= 100_000


def test_a_compressed_answer_cut_at_the_limit_gives_its_beginning():
    packed = gzip.compress(bytes(range(256)) * 8, compresslevel=0)
    with serve(answer(packed, headers="Content-Encoding: gzip\r\n")) as server:
        response = call(server.url(), max_response_bytes=1_000)

    assert (bytes(range(256)) * 8).startswith(response.body)
    assert 900 < len(response.body) <= 1_000
    assert response.truncated


# TLS


def trusting():
    return ssl.create_default_context(cafile=CERTIFICATE)


def test_tls_checks_the_certificate_against_the_name_and_not_the_address():
    with serve(answer(), tls=True) as server:
        url = f"https://good.test:{server.port}/"
        response = call(url, resolve=to_loopback, tls=trusting())
        wrong_name = refused(url.replace("good", "evil"), resolve=to_loopback, tls=trusting())
        unknown_authority = refused(url, resolve=to_loopback)

    assert response.status_code == 200
    for error in (wrong_name, unknown_authority):
        assert (error.error_class, error.retryable) == ("tls", False)
    assert "evil.test" in str(wrong_name)
    assert len(list(filter(None, server.requests))) == 1


def test_a_server_that_speaks_no_tls_is_named_so():
    with listening_on("127.0.0.1", answer(status="400 Bad Request")) as port:
        error = refused(f"https://127.0.0.1:{port}/")

    assert (error.error_class, error.retryable) == ("tls", True)


def test_a_handshake_that_never_ends_is_stopped_in_time():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        error = refused(f"https://127.0.0.1:{deaf.getsockname()[1]}/", timeout_s=0.4)

    assert error.error_class == "timeout"
