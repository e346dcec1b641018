"""MySQL's login and one question, against a server that checks what it hears."""

import contextlib
import hashlib
import socket
import threading

import pytest

from monitor.probing import Outcome
from tests.probing.http_target import issue
from tests.probing.probes import look_at

OK, FAILED = Outcome.OK, Outcome.FAILED
SEED = bytes(range(1, 21))
PASSWORD = "hunter2"
DONE = b"\x00\x00\x00\x02\x00\x00\x00"
END = b"\xfe\x00\x00\x02\x00"
COLUMN = b"\x03def\x00\x00\x00\x011\x00\x0c\x3f\x00\x01\x00\x00\x00\x08\x81\x00\x00\x00\x00"
TLS = 0x800


def greeting(plugin, *, tls=False):
    flags = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000 | (TLS if tls else 0)
    return (
        b"\x0a8.4.0\x00\x07\x00\x00\x00"
        + SEED[:8]
        + b"\x00"
        + (flags & 0xFFFF).to_bytes(2, "little")
        + b"\xff\x02\x00"
        + (flags >> 16).to_bytes(2, "little")
        + b"\x15"
        + bytes(10)
        + SEED[8:]
        + b"\x00"
        + plugin.encode()
        + b"\x00"
    )


def error(number, words):
    return b"\xff" + number.to_bytes(2, "little") + b"#28000" + words.encode()


def is_native(proof, seed=SEED):
    """As the server checks it: with what it stores, which is not the password."""
    stored = hashlib.sha1(hashlib.sha1(PASSWORD.encode()).digest()).digest()  # noqa: S324
    key = hashlib.sha1(seed + stored).digest()  # noqa: S324
    return hashlib.sha1(bytes(a ^ b for a, b in zip(proof, key, strict=True))).digest() == stored  # noqa: S324


def is_caching(proof):
    stored = hashlib.sha256(hashlib.sha256(PASSWORD.encode()).digest()).digest()
    key = hashlib.sha256(stored + SEED).digest()
    return hashlib.sha256(bytes(a ^ b for a, b in zip(proof, key, strict=True))).digest() == stored


class Wire:
    """Packets as the server sends and hears them."""

    def __init__(self, line):
        self.line, self.number = line, 0

    def say(self, body):
        self.line.sendall(len(body).to_bytes(3, "little") + bytes([self.number]) + body)
        self.number = (self.number + 1) % 256

    def hear(self):
        head = self.exactly(4)
        self.number = head[3] + 1
        return self.exactly(int.from_bytes(head[:3], "little"))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            data += self.line.recv(count - len(data)) or self.gone()
        return data

    def gone(self):
        raise OSError("the other side left")

    def login(self):
        """User, proof and database of a login packet."""
        body = self.hear()
        user, _, rest = body[32:].partition(b"\x00")
        proof, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        return user, proof, rest.split(b"\x00")[0]

    def answer_queries(self, *rows, asked):
        asked.append(self.hear())
        self.say(DONE)
        asked.append(self.hear())
        for packet in (b"\x01", COLUMN, END, *rows):
            self.say(packet)


@contextlib.contextmanager
def server(converse):
    """A server whose conversation the function holds; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    line.settimeout(5)
                    with line, contextlib.suppress(OSError):
                        converse(line)
                        line.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def look(port, **options):
    return look_at("mysql", host="127.0.0.1", port=port, username="ada", password=PASSWORD, **options)


@pytest.mark.parametrize(
    ("plugin", "is_right", "fast"),
    [("mysql_native_password", is_native, b""), ("caching_sha2_password", is_caching, b"\x01\x03")],
)
def test_a_login_and_a_row_are_up_and_the_session_may_only_read(plugin, is_right, fast):
    logins, asked = [], []

    def converse(line):
        wire = Wire(line)
        wire.say(greeting(plugin))
        user, proof, database = wire.login()
        logins.append((user, is_right(proof), database))
        if fast:
            wire.say(fast)
        wire.say(DONE)
        wire.answer_queries(b"\x011", END, asked=asked)

    with server(converse) as port:
        found = look(port, database="shop", query="SELECT 1")

    assert found.outcome == OK, found.message
    assert logins == [(b"ada", True, b"shop")]
    assert asked == [b"\x03SET SESSION TRANSACTION READ ONLY", b"\x03SELECT 1"]


def test_a_huge_row_is_a_row_and_is_not_read():
    def converse(line):
        wire = Wire(line)
        wire.say(greeting("mysql_native_password"))
        wire.login()
        wire.say(DONE)
        wire.answer_queries(asked=[])
        # A value of nearly 16 MiB is announced, and its first byte is all that comes.
        line.sendall((0xFFFFFF - 1).to_bytes(3, "little") + bytes([wire.number]) + b"\xfd")

    with server(converse) as port:
        assert look(port).outcome == OK


def test_another_way_to_sign_in_is_taken_when_the_server_asks():
    rights = []
    other = bytes(range(30, 50))

    def converse(line):
        wire = Wire(line)
        wire.say(greeting("caching_sha2_password"))
        wire.login()
        wire.say(b"\xfemysql_native_password\x00" + other + b"\x00")
        rights.append(is_native(wire.hear(), other))
        wire.say(DONE)
        wire.answer_queries(b"\x011", END, asked=[])

    with server(converse) as port:
        assert look(port).outcome == OK
    assert rights == [True]


def test_the_whole_password_is_told_under_tls_alone(tmp_path):
    context, told = issue().server_context(tmp_path), []

    def converse(line):
        wire = Wire(line)
        wire.say(greeting("caching_sha2_password", tls=True))
        with contextlib.ExitStack() as stack:
            first = wire.hear()
            if int.from_bytes(first[:4], "little") & TLS:
                secured = stack.enter_context(context.wrap_socket(line, server_side=True))
                number, wire = wire.number, Wire(secured)
                wire.number = number
                wire.login()
            wire.say(b"\x01\x04")
            told.append(wire.hear())
            wire.say(DONE)
            wire.answer_queries(b"\x011", END, asked=[])

    with server(converse) as port:
        secure = look(port, tls=True, verify_tls=False)
        strict = look(port, tls=True)
        plain = look(port)

    assert secure.outcome == OK, secure.message
    assert (strict.outcome, "certificate was refused" in strict.message) == (FAILED, True)
    assert (plain.outcome, "which takes TLS" in plain.message) == (FAILED, True)
    assert told == [PASSWORD.encode() + b"\x00"]


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([error(1045, "Access denied for user 'ada'")], "1045: Access denied"),
        ([b"\xfesha256_password\x00" + SEED], "sha256_password, which is not known"),
        ([b"\xfb/etc/passwd"], "not known"),
    ],
)
def test_a_refused_login_is_down_and_says_why(packets, said):
    def converse(line):
        wire = Wire(line)
        wire.say(greeting("mysql_native_password"))
        wire.login()
        for packet in packets:
            wire.say(packet)

    with server(converse) as port:
        found = look(port)

    assert found.outcome == FAILED
    assert said in found.message
    assert PASSWORD not in found.message


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([b"\x01", COLUMN, END, END], "gives no row"),
        ([DONE], "gives no row"),
        ([error(1146, "No such table")], "1146: No such table"),
        ([b"\xfb/etc/passwd"], "not known"),
        ([b"\x01", COLUMN, END, error(1317, "interrupted")], "1317: interrupted"),
    ],
)
def test_a_query_without_a_row_is_down(packets, said):
    def converse(line):
        wire = Wire(line)
        wire.say(greeting("mysql_native_password"))
        wire.login()
        wire.say(DONE)
        wire.hear()
        wire.say(DONE)
        wire.hear()
        for packet in packets:
            wire.say(packet)

    with server(converse) as port:
        found = look(port)

    assert found.outcome == FAILED
    assert said in found.message


@pytest.mark.parametrize("first", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x00\x00\x00\x09abcd"])
def test_what_is_no_mysql_is_down(first):
    with server(lambda line: line.sendall(first)) as port:
        found = look(port, timeout_s=2)

    assert found.outcome == FAILED


def test_a_server_without_tls_is_down_where_tls_is_asked_for():
    with server(lambda line: Wire(line).say(greeting("mysql_native_password"))) as port:
        found = look(port, tls=True)

    assert (found.outcome, found.message) == (FAILED, "The server speaks no TLS.")
