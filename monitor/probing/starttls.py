"""Lines that begin in the clear and are secured on the way: what each protocol says to get there.

Sources: RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP), RFC 2595 section 4 (POP3), RFC 4511 section 4.14
(LDAP), and PostgreSQL's "SSL Session Encryption".
"""

import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from monitor.lib.outbound.connecting import Resolve
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Line, TlsWish, open_line, secured
from monitor.lib.outbound.policy import OutboundPolicy
from monitor.probing.showing import shown

Protocol = Literal["", "smtp", "imap", "pop3", "ldap", "postgres"]
MOST_LINES = 50
# An extended request of the name 1.3.6.1.4.1.1466.20037, as message 1; and the type of its answer.
LDAP_START = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
LDAP_ANSWERS = 0x78
# A length of 8 and the code 80877103.
POSTGRES_START = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


async def open_by_starttls(
    protocol: Protocol,
    host: str,
    port: int,
    *,
    policy: OutboundPolicy,
    tls: TlsWish,
    server_name: str,
    resolve: Resolve,
) -> Line:
    """A secured line to the host; without a protocol it is so from the first byte. Raises OutboundError."""
    if not protocol:
        return await open_line(host, port, policy=policy, tls=tls, server_name=server_name, resolve=resolve)
    line = await open_line(host, port, policy=policy, resolve=resolve)
    try:
        await ASKING[protocol](line)
        return await secured(line, tls, server_name=server_name or host)
    except BaseException:
        line.writer.transport.abort()
        raise


async def ask_smtp(line: Line, greet_as: str = "") -> None:
    await expect(line, "220", "The greeting")
    await line.send(f"EHLO {greet_as or socket.gethostname()}\r\n".encode())
    offered = await expect(line, "250", "EHLO")
    await start_smtp(line, offered)


async def start_smtp(line: Line, offered: list[str]) -> None:
    """After EHLO. Raises BadAnswer when it is not offered, or refused."""
    if "STARTTLS" not in {each[4:].strip().upper() for each in offered}:
        raise BadAnswer("STARTTLS is not offered.", retryable=False)
    await line.send(b"STARTTLS\r\n")
    await expect(line, "220", "STARTTLS")


async def expect(line: Line, code: str, what: str) -> list[str]:
    """All lines of an answer that goes on as SMTP's does."""
    lines: list[str] = []
    for _ in range(MOST_LINES):
        lines.append((await line.receive_line()).decode(errors="replace"))
        if lines[-1][3:4] != "-":
            break
    if not lines[-1].startswith(code):
        raise BadAnswer(f"{what} was answered {shown(lines[-1])}", retryable=False)
    return lines


async def ask_imap(line: Line) -> None:
    await heard(line, "* OK", "The greeting")
    await line.send(b"a1 STARTTLS\r\n")
    for _ in range(MOST_LINES):
        answer = (await line.receive_line()).decode(errors="replace")
        if not answer.startswith("*"):
            break
    if not answer.upper().startswith("A1 OK"):
        raise BadAnswer(f"STARTTLS was answered {shown(answer)}", retryable=False)


async def ask_pop3(line: Line) -> None:
    await heard(line, "+OK", "The greeting")
    await line.send(b"STLS\r\n")
    await heard(line, "+OK", "STLS")


async def heard(line: Line, beginning: str, what: str) -> None:
    answer = (await line.receive_line()).decode(errors="replace")
    if not answer.startswith(beginning):
        raise BadAnswer(f"{what} was answered {shown(answer)}", retryable=False)


async def ask_ldap(line: Line) -> None:
    await line.send(LDAP_START)
    tag, length = await line.receive_exactly(2)
    if tag != 0x30:
        raise BadAnswer("The answer is no LDAP.", retryable=False)
    if length & 0x80:
        # A long form: so many bytes of length follow.
        count = length & 0x7F
        length = int.from_bytes(await line.receive_exactly(count)) if 0 < count <= 2 else 0
    body = await line.receive_exactly(length)
    # Its number in three bytes, its type and length, then the result code as an enumeration.
    place = body.find(bytes([LDAP_ANSWERS]), 3)
    code = body.find(b"\x0a\x01", place) if place >= 0 else -1
    if code < 0 or body[code + 2 : code + 3] != b"\x00":
        raise BadAnswer("The server refused StartTLS.", retryable=False)


async def ask_postgres(line: Line) -> None:
    await line.send(POSTGRES_START)
    if await line.receive_exactly(1) != b"S":
        raise BadAnswer("The server speaks no TLS.", retryable=False)


ASKING: Mapping[str, Callable[[Line], Awaitable[None]]] = {
    "smtp": ask_smtp,
    "imap": ask_imap,
    "pop3": ask_pop3,
    "ldap": ask_ldap,
    "postgres": ask_postgres,
}
