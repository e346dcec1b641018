"""postgres: a login works, and a query that reads gives a row."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

import msgspec
import psycopg

from monitor.lib.masking import mask_text
from monitor.lib.outbound.lines import addresses_of
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown

Text = Annotated[str, msgspec.Meta(max_length=1024)]


class PostgresOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 5432
    database: Text = "postgres"
    username: Text
    password: Text = ""
    sslmode: Literal["prefer", "require", "disable"] = "prefer"
    query: Annotated[str, msgspec.Meta(max_length=4096)] = "SELECT 1"


async def probe(options: PostgresOptions, way: Way) -> Finding:
    # The judged address itself is dialled: libpq would resolve the name once more.
    address = (await addresses_of(options.host, options.port, policy=way.policy, resolve=way.resolve))[0]
    began = time.perf_counter()
    try:
        async with await psycopg.AsyncConnection.connect(
            host=options.host,
            hostaddr=address,
            port=options.port,
            dbname=options.database,
            user=options.username,
            password=options.password,
            sslmode=options.sslmode,
            connect_timeout=max(int(way.timeout_s), 2),
            application_name="API Monitor",
            # Nothing of this process's own database is lent to it.
            passfile="/dev/null",
            options="-c default_transaction_read_only=on",
            autocommit=True,
        ) as connection:
            found = await has_row(connection, options.query)
    except psycopg.Error as error:
        words = mask_text((str(error).strip().splitlines() or [type(error).__name__])[-1])
        return Finding(outcome=Outcome.FAILED, message=shown(words))
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    if not found:
        return Finding(outcome=Outcome.FAILED, message="The query gives no row.", response_ms=took_ms)
    return Finding(outcome=Outcome.OK, message=f"A row in {took_ms:.0f} ms", response_ms=took_ms)


async def has_row(connection: psycopg.AsyncConnection[Any], query: str) -> bool:
    """Whether the query gives a row, which stays where it is: a cursor is moved over it, and only told of.

    A value of a gigabyte, read by the driver, would be in this process's memory whole.
    """
    await connection.execute("BEGIN READ ONLY")
    try:
        await connection.execute(f"DECLARE looked NO SCROLL CURSOR FOR {query.strip().rstrip(';')}".encode())
    except (psycopg.errors.SyntaxError, psycopg.errors.InvalidCursorDefinition):
        # SHOW and its like have no cursor, and no large values.
        await connection.execute("ROLLBACK")
        return await gives_row(connection, query)
    moved = await connection.execute("MOVE 1 IN looked")
    return moved.statusmessage == "MOVE 1"


async def gives_row(connection: psycopg.AsyncConnection[Any], query: str) -> bool:
    """The same by reading the row. The line is dropped after it, which ends the query: a cancel would first
    be followed by all that was sent until it came."""
    stream = cast(AsyncGenerator[Any, None], connection.cursor().stream(query.encode()))
    async with aclosing(stream) as rows:
        found = await anext(rows, None) is not None
        if found:
            connection.pgconn.finish()
    return found


KIND = Kind(
    name="postgres",
    words="PostgreSQL",
    order=21,
    options=PostgresOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}/{options.database}",
    secrets=frozenset({"password"}),
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(name="database", label="Database"),
        Field(name="username", label="User name", required=True),
        Field(name="password", label="Password", type="secret"),
        Field(
            name="sslmode",
            label="TLS",
            type="choice",
            choices=(("prefer", "Where it is offered"), ("require", "Always"), ("disable", "Never")),
            is_rare=True,
        ),
        Field(name="query", label="Query", help="It may only read."),
    ),
)
