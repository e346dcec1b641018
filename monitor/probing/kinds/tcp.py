"""tcp: a connection is accepted, and what is answered holds what it should."""

import time
from typing import Annotated

import msgspec

from monitor.lib.outbound.lines import TlsWish, open_line
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown

MAX_READ_BYTES = 64 * 1024
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:\-]+$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class TcpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port
    tls: bool = False
    verify_tls: bool = True
    send: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    expect: Annotated[str, msgspec.Meta(max_length=1024)] = ""


async def probe(options: TcpOptions, way: Way) -> Finding:
    began = time.perf_counter()
    wish = TlsWish(verify=options.verify_tls) if options.tls else None
    line = await open_line(options.host, options.port, policy=way.policy, tls=wish, resolve=way.resolve)
    async with line:
        if options.send:
            await line.send(options.send.replace("\\r", "\r").replace("\\n", "\n").encode())
        heard = b""
        wanted = options.expect.encode()
        while wanted and wanted not in heard and len(heard) < MAX_READ_BYTES:
            chunk = await line.receive()
            if not chunk:
                break
            heard += chunk
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    if wanted and wanted not in heard:
        return Finding(
            outcome=Outcome.FAILED,
            message=f"The answer does not hold what it should: {shown(heard.decode(errors='replace'))}",
            response_ms=took_ms,
            phases=line.phases,
        )
    return Finding(
        outcome=Outcome.OK, message=f"Connected in {took_ms:.0f} ms", response_ms=took_ms, phases=line.phases
    )


HOST = Field(name="host", label="Host", placeholder="db.example.com", required=True)
PORT = Field(name="port", label="Port", type="number", required=True)

KIND = Kind(
    name="tcp",
    words="TCP",
    order=2,
    options=TcpOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}",
    fields=(
        HOST,
        PORT,
        Field(name="tls", label="With TLS", type="truth"),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
        Field(name="send", label="Send", help="\\r and \\n stand for the ends of lines.", is_rare=True),
        Field(name="expect", label="Expect in the answer", is_rare=True),
    ),
)
