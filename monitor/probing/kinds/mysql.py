"""mysql: a login works, and a query that reads gives a row. MariaDB speaks the same."""

import time
from typing import Annotated

import msgspec

from monitor.lib.masking import mask_text
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Line, TlsWish, open_line, secured
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.mysql import (
    Packets,
    Refused,
    greeting_of,
    login_packet,
    public_key,
    scrambled,
    sealed_password,
    tls_request,
)
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown

Text = Annotated[str, msgspec.Meta(max_length=255)]
QUIT, QUERY = b"\x01", b"\x03"
END = 0xFE
FAST_DONE, FULL_WANTED = b"\x03", b"\x04"


class MysqlOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 3306
    database: Text = ""
    username: Text
    password: Text = ""
    tls: bool = False
    verify_tls: bool = True
    # PEM: what a password is sealed by, where the server has to be told it and there is no TLS.
    server_key: Annotated[str, msgspec.Meta(max_length=16_384)] = ""
    query: Annotated[str, msgspec.Meta(max_length=4096)] = "SELECT 1"

    def __post_init__(self) -> None:
        if self.server_key:
            try:
                public_key(self.server_key)
            except ValueError as error:
                raise ValueError(f"server_key: {error}") from None


async def probe(options: MysqlOptions, way: Way) -> Finding:
    began = time.perf_counter()
    line = await open_line(options.host, options.port, policy=way.policy, resolve=way.resolve)
    problem = ""
    try:
        line = await signed_in(line, options)
        has_row = await first_row(Packets(line), options.query)
        problem = "" if has_row else "The query gives no row."
    except Refused as error:
        problem = shown(mask_text(str(error)))
    finally:
        line.writer.transport.abort()
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    return Finding(
        outcome=Outcome.FAILED if problem else Outcome.OK,
        message=problem or f"A row in {took_ms:.0f} ms",
        response_ms=took_ms,
        phases=line.phases,
    )


async def signed_in(line: Line, options: MysqlOptions) -> Line:
    """The line after a login, secured if wished. Raises Refused and OutboundError."""
    packets = Packets(line)
    greeting = greeting_of(await packets.receive())
    seed = greeting.seed
    if options.tls:
        if not greeting.offers_tls:
            raise Refused("The server speaks no TLS.")
        await packets.send(tls_request(greeting, with_database=bool(options.database)))
        line = await secured(line, TlsWish(verify=options.verify_tls), server_name=options.host)
        packets = Packets(line, number=packets.number)
    await packets.send(
        login_packet(
            greeting,
            username=options.username,
            password=options.password,
            database=options.database,
            is_secure=options.tls,
        )
    )
    while True:
        answer = await packets.receive()
        match answer[:1]:
            case b"\x00":
                return line
            case b"\xfe":
                name, _, rest = answer[1:].partition(b"\0")
                plugin, seed = name.decode("ascii", "replace"), rest.rstrip(b"\0")
                await packets.send(scrambled(plugin, options.password, seed, is_secure=options.tls))
            case b"\x01" if answer[1:2] == FAST_DONE:
                continue
            case b"\x01" if answer[1:2] == FULL_WANTED:
                await packets.send(whole_password(options, seed))
            case _:
                raise BadAnswer("The server's answer to the login is not known.", retryable=False)


def whole_password(options: MysqlOptions, seed: bytes) -> bytes:
    """The password for a server that does not remember this login. Raises Refused where all could read it."""
    if options.tls:
        return options.password.encode() + b"\0"
    if options.server_key:
        return sealed_password(options.password, seed, options.server_key)
    # The key that it would send comes over the same open line as anybody's.
    raise Refused("The server wants to be told the whole password, which takes TLS or its public key.")


async def first_row(packets: Packets, query: str) -> bool:
    """Whether the query gives a row, of which only the beginning is read. Raises Refused."""
    packets.number = 0
    await packets.send(QUERY + b"SET SESSION TRANSACTION READ ONLY")
    if (await packets.receive())[:1] != b"\x00":
        raise Refused("The session cannot be made read only.")
    packets.number = 0
    await packets.send(QUERY + query.encode())
    answer = await packets.receive()
    if answer[:1] == b"\x00":
        # Not a question: nothing was asked for.
        return False
    if answer[0] == 0xFB or answer[0] > 0xFC:
        # Among these: the wish for a file of ours.
        raise BadAnswer("The server's answer to the query is not known.", retryable=False)
    columns = answer[0] if answer[0] < 0xFB else int.from_bytes(answer[1:3], "little")
    for _ in range(columns):
        await packets.receive()
    # The end of the columns.
    await packets.receive()
    # A row's first bytes tell that there is one, however large it is; the line is dropped after them.
    size, beginning = await packets.begin()
    return not (beginning == END and size < 9)


KIND = Kind(
    name="mysql",
    words="MySQL",
    order=21,
    options=MysqlOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}/{options.database}",
    secrets=frozenset({"password"}),
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(name="database", label="Database"),
        Field(name="username", label="User name", required=True),
        Field(name="password", label="Password", type="secret"),
        Field(name="tls", label="With TLS", type="truth"),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
        Field(
            name="server_key",
            label="Public key of the server (PEM)",
            type="long",
            help="Without TLS, for accounts of MySQL 8: its public_key.pem.",
            is_rare=True,
        ),
        Field(name="query", label="Query", help="It may only read."),
    ),
)
