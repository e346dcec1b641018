"""gRPC health: the standard health service says SERVING (grpc.health.v1), over plain HTTP/2 frames."""

import time
from typing import Annotated

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import msgspec

from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Line, TlsWish, open_line
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.registry import Field, Kind

PATH = "/grpc.health.v1.Health/Check"
STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
MAX_ANSWER_BYTES = 64 * 1024


class GrpcOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 443
    tls: bool = True
    verify_tls: bool = True
    # Empty: the server as a whole.
    service: Annotated[str, msgspec.Meta(max_length=255)] = ""


async def probe(options: GrpcOptions, way: Way) -> Finding:
    began = time.perf_counter()
    wish = TlsWish(verify=options.verify_tls, alpn=("h2",)) if options.tls else None
    line = await open_line(options.host, options.port, policy=way.policy, tls=wish, resolve=way.resolve)
    async with line:
        headers, body = await called(options, line)
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    problem = problem_with(headers, body)
    return Finding(
        outcome=Outcome.FAILED if problem else Outcome.OK,
        message=problem or f"SERVING in {took_ms:.0f} ms",
        response_ms=took_ms,
        phases=line.phases,
    )


async def called(options: GrpcOptions, line: Line) -> tuple[dict[str, str], bytes]:
    """Headers and trailers together, and the message's bytes."""
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    name = options.service.encode()
    # HealthCheckRequest has one field: service, number 1, a string.
    message = b"\x0a" + varint(len(name)) + name if name else b""
    try:
        protocol.initiate_connection()
        protocol.send_headers(
            1,
            [
                (":method", "POST"),
                (":scheme", "https" if options.tls else "http"),
                (":authority", f"{options.host}:{options.port}"),
                (":path", PATH),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ],
        )
        protocol.send_data(1, b"\x00" + len(message).to_bytes(4) + message, end_stream=True)
        await line.send(protocol.data_to_send())
        headers: dict[str, str] = {}
        body = b""
        while True:
            received = await line.receive()
            if not received:
                raise BadAnswer("The other side closed the connection before it answered.")
            for event in protocol.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    headers |= {str(key): str(text) for key, text in event.headers or []}
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    raise BadAnswer("The other side broke off the call.")
                elif isinstance(event, h2.events.StreamEnded):
                    return headers, body
            if len(body) > MAX_ANSWER_BYTES:
                raise BadAnswer("The answer is too long.")
            await line.send(protocol.data_to_send())
    except h2.exceptions.ProtocolError as error:
        raise BadAnswer("The answer is not valid HTTP/2.") from error


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def problem_with(headers: dict[str, str], body: bytes) -> str:
    status = headers.get("grpc-status", "")
    if headers.get(":status") != "200" or status not in ("", "0"):
        words = headers.get("grpc-message", "")[:100]
        return f"The call failed: status {status or headers.get(':status', '?')} {words}".strip() + "."
    # HealthCheckResponse has one field: status, number 1, an enum; nothing at all is its zero.
    message = body[5:]
    serving = message[1] if len(message) >= 2 and message[0] == 8 else 0
    return "" if serving == 1 else f"The server says {STATUSES.get(serving, serving)}."


KIND = Kind(
    name="grpc",
    words="gRPC health",
    order=11,
    options=GrpcOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port} {options.service}".strip(),
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(name="service", label="Service", help="Empty asks for the server as a whole."),
        Field(name="tls", label="With TLS", type="truth"),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
    ),
)
