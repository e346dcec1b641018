"""Lines that begin in the clear, against servers that take them under TLS."""

import contextlib
import socket
import threading

import pytest

from monitor.probing import BadConfig, Outcome, kind_named
from monitor.probing.starttls import LDAP_START, POSTGRES_START
from tests.probing.http_target import issue
from tests.probing.probes import look_at

OK, FAILED = Outcome.OK, Outcome.FAILED
LDAP_DONE = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
LDAP_REFUSED = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"
SMTP = ((b"", b"220 mail\r\n"), (b"EHLO", b"250-mail\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 go on\r\n"))
IMAP = ((b"", b"* OK ready\r\n"), (b"a1 STARTTLS", b"* CAPABILITY X\r\na1 OK begin\r\n"))
POP3 = ((b"", b"+OK ready\r\n"), (b"STLS", b"+OK begin\r\n"))
LDAP = ((LDAP_START, LDAP_DONE),)
POSTGRES = ((POSTGRES_START, b"S"),)


@contextlib.contextmanager
def server(script, context=None, *, under_tls=()):
    """Hears and says what the script tells, then goes on under TLS; its port, and what was wrong."""
    wrong = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def converse(line, words):
            for awaited, answer in words:
                if awaited and not (heard := line.recv(4096)).startswith(awaited):
                    wrong.append(heard)
                line.sendall(answer)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    line.settimeout(10)
                    with line, contextlib.suppress(OSError):
                        converse(line, script)
                        if context is None:
                            line.recv(4096)
                            continue
                        with context.wrap_socket(line, server_side=True) as secure:
                            converse(secure, under_tls)
                            secure.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], wrong
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture(scope="module")
def issued():
    return issue(days=90, age_days=1)


@pytest.mark.parametrize(
    ("protocol", "script"),
    [("smtp", SMTP), ("imap", IMAP), ("pop3", POP3), ("ldap", LDAP), ("postgres", POSTGRES)],
)
def test_a_certificate_is_read_behind_each_protocol(issued, tmp_path, protocol, script):
    with server(script, issued.server_context(tmp_path)) as (port, wrong):
        found = look_at("tls", host="127.0.0.1", port=port, starttls=protocol, authorities=issued.authority)
        unknown = look_at("tls", host="127.0.0.1", port=port, starttls=protocol)

    assert (found.outcome, wrong) == (OK, []), found.message
    assert found.phases.tls > 0
    # Refused, and read all the same.
    assert unknown.outcome == FAILED
    assert unknown.certificate_until is not None


@pytest.mark.parametrize(
    ("protocol", "script", "said"),
    [
        ("smtp", (*SMTP[:1], (b"EHLO", b"250 SIZE 10\r\n")), "STARTTLS is not offered."),
        ("smtp", ((b"", b"554 away\r\n"),), "554 away"),
        ("smtp", (*SMTP[:2], (b"STARTTLS", b"454 not now\r\n")), "454 not now"),
        ("imap", ((b"", b"* BYE\r\n"),), "* BYE"),
        ("imap", (*IMAP[:1], (b"a1", b"a1 NO\r\n")), "a1 NO"),
        ("pop3", (*POP3[:1], (b"STLS", b"-ERR\r\n")), "-ERR"),
        ("ldap", ((LDAP_START, LDAP_REFUSED),), "refused StartTLS"),
        ("ldap", ((LDAP_START, b"HTTP/1.1 400"),), "no LDAP"),
        ("postgres", ((POSTGRES_START, b"N"),), "speaks no TLS"),
        # Words in the clear behind the answer would be taken for words under TLS.
        ("pop3", (*POP3[:1], (b"STLS", b"+OK begin\r\n+OK injected\r\n")), "more in the clear"),
    ],
)
def test_a_server_that_does_not_go_on_is_down(protocol, script, said):
    with server(script) as (port, _):
        found = look_at("tls", host="127.0.0.1", port=port, starttls=protocol, timeout_s=3)

    assert found.outcome == FAILED
    assert said in found.message


def test_smtp_goes_on_under_tls_where_it_must(issued, tmp_path):
    again = ((b"EHLO", b"250 mail\r\n"),)
    with server(SMTP, issued.server_context(tmp_path), under_tls=again) as (port, wrong):
        trusting = look_at("smtp", host="127.0.0.1", port=port, security="require", verify_tls=False)
        strict = look_at("smtp", host="127.0.0.1", port=port, security="require")

    assert (trusting.outcome, wrong) == (OK, []), trusting.message
    assert (strict.outcome, "certificate was refused" in strict.message) == (FAILED, True)


def test_no_other_protocol_is_known():
    with pytest.raises(BadConfig):
        kind_named("tls").read({"host": "a.example", "starttls": "gopher"})
