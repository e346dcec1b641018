"""smtp: the server greets, and offers TLS where it must. No mail is sent."""

import socket
import time
from typing import Annotated, Literal

import msgspec

from monitor.lib.outbound.lines import Line, TlsWish, open_line, secured
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown
from monitor.probing.starttls import start_smtp

MOST_LINES = 50


class SmtpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 25
    # tls: from the first byte. require: STARTTLS must be offered.
    security: Literal["none", "require", "tls"] = "none"
    verify_tls: bool = True
    greet_as: Annotated[str, msgspec.Meta(max_length=253, pattern=r"^[A-Za-z0-9.\-]*$")] = ""


async def probe(options: SmtpOptions, way: Way) -> Finding:
    began = time.perf_counter()
    wish = TlsWish(verify=options.verify_tls) if options.security == "tls" else None
    line = await open_line(options.host, options.port, policy=way.policy, tls=wish, resolve=way.resolve)
    async with line:
        code, greeting = await reply(line)
        problem = "" if code == 220 else f"The greeting was {shown(greeting[-1])}"
        if not problem:
            hello = f"EHLO {options.greet_as or socket.gethostname()}\r\n".encode()
            await line.send(hello)
            code, offered = await reply(line)
            if code != 250:
                problem = f"EHLO was answered {shown(offered[-1])}"
            elif options.security == "require":
                await start_smtp(line, offered)
                line = await secured(line, TlsWish(verify=options.verify_tls), server_name=options.host)
                # Under TLS the server begins anew.
                await line.send(hello)
                code, offered = await reply(line)
                problem = "" if code == 250 else f"EHLO under TLS was answered {shown(offered[-1])}"
        if not problem:
            await line.send(b"QUIT\r\n")
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    return Finding(
        outcome=Outcome.FAILED if problem else Outcome.OK,
        message=problem or f"Greeted in {took_ms:.0f} ms",
        response_ms=took_ms,
        phases=line.phases,
    )


async def reply(line: Line) -> tuple[int, list[str]]:
    """The code and all lines of one answer; 0 for what is no SMTP."""
    lines = []
    for _ in range(MOST_LINES):
        text = (await line.receive_line()).decode(errors="replace")
        lines.append(text)
        if text[3:4] != "-":
            break
    code = lines[-1][:3]
    return (int(code) if code.isascii() and code.isdigit() else 0), lines


KIND = Kind(
    name="smtp",
    words="SMTP",
    order=22,
    options=SmtpOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}",
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(
            name="security",
            label="Security",
            type="choice",
            choices=(("none", "As it comes"), ("require", "STARTTLS must work"), ("tls", "TLS at once")),
        ),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
        Field(name="greet_as", label="Greet as", help="Empty: this machine's name.", is_rare=True),
    ),
)
