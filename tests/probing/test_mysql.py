"""MySQL's login and one question, against a server that checks what it hears."""

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monitor.probing import BadConfig, Outcome
from tests.probing.http_target import issue
from tests.probing.mysql_wire import (
    COLUMN,
    DONE,
    END,
    PASSWORD,
    SEED,
    TLS,
    Wire,
    error,
    greeting,
    is_caching,
    is_native,
    unsealed,
)
from tests.probing.probes import look_at
from tests.probing.servers import server

OK, FAILED = Outcome.OK, Outcome.FAILED


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


def test_a_login_that_the_server_remembers_takes_no_password_under_tls_either(tmp_path):
    context, logins = issue().server_context(tmp_path), []

    def converse(line):
        wire = Wire(line)
        wire.say(greeting("caching_sha2_password", tls=True))
        wire.hear()
        with context.wrap_socket(line, server_side=True) as secured:
            number, wire = wire.number, Wire(secured)
            wire.number = number
            user, proof, database = wire.login()
            logins.append((user, is_caching(proof), database))
            wire.say(b"\x01\x03")
            wire.say(DONE)
            wire.answer_queries(b"\x011", END, asked=[])

    with server(converse) as port:
        assert look(port, tls=True, verify_tls=False, database="shop").outcome == OK
    assert logins == [(b"ada", True, b"shop")]


def test_without_tls_the_whole_password_is_sealed_by_the_servers_own_key():
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    told = []

    def converse(line):
        wire = Wire(line)
        wire.say(greeting("caching_sha2_password"))
        wire.login()
        wire.say(b"\x01\x04")
        told.append(unsealed(wire.hear(), key))
        wire.say(DONE)
        wire.answer_queries(b"\x011", END, asked=[])

    with server(converse) as port:
        found = look(port, server_key=pem)

    assert found.outcome == OK, found.message
    assert told == [PASSWORD.encode() + b"\x00"]
    for other in ("no key", issue().certificate):
        with pytest.raises(BadConfig, match="server_key: not an RSA public key"):
            look(port, server_key=other)


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
