"""redis: PING is answered with PONG, after a login where one is asked for."""

import time
from typing import Annotated

import msgspec

from monitor.lib.outbound.lines import Line, TlsWish, open_line
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown


class RedisOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 6379
    tls: bool = False
    verify_tls: bool = True
    username: Annotated[str, msgspec.Meta(max_length=255)] = ""
    password: Annotated[str, msgspec.Meta(max_length=1024)] = ""


async def probe(options: RedisOptions, way: Way) -> Finding:
    began = time.perf_counter()
    wish = TlsWish(verify=options.verify_tls) if options.tls else None
    line = await open_line(options.host, options.port, policy=way.policy, tls=wish, resolve=way.resolve)
    async with line:
        answer = "+OK"
        if options.password:
            words = ["AUTH", *([options.username] if options.username else []), options.password]
            answer = await command(line, *words)
        if not answer.startswith("-"):
            answer = await command(line, "PING")
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    is_ok = answer == "+PONG"
    return Finding(
        outcome=Outcome.OK if is_ok else Outcome.FAILED,
        message=f"PONG in {took_ms:.0f} ms" if is_ok else f"Answered {shown(answer)}",
        response_ms=took_ms,
        phases=line.phases,
    )


async def command(line: Line, *words: str) -> str:
    encoded = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    await line.send(b"*%d\r\n%s" % (len(encoded), parts))
    return (await line.receive_line()).decode(errors="replace")


KIND = Kind(
    name="redis",
    words="Redis",
    order=20,
    options=RedisOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}",
    secrets=frozenset({"password"}),
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(name="tls", label="With TLS", type="truth"),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
        Field(name="username", label="User name"),
        Field(name="password", label="Password", type="secret"),
    ),
)
