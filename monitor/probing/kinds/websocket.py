"""websocket: the upgrade is accepted (RFC 6455)."""

import base64
import hashlib
import os
import time
from typing import Annotated

import h11
import msgspec

from monitor.lib import masking
from monitor.lib.outbound import UnusableUrl, parse_url
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Line, TlsWish, open_line
from monitor.lib.outbound.messages import build_request
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.registry import Field, Kind

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebsocketOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(max_length=8192)]
    headers: Annotated[list[tuple[str, str]], msgspec.Meta(max_length=50)] = []
    subprotocol: Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9._\-]*$")] = ""
    verify_tls: bool = True

    def __post_init__(self) -> None:
        try:
            parse_url(as_http(self.url))
        except UnusableUrl:
            raise ValueError("url: must begin with ws:// or wss:// and name a host") from None


def as_http(url: str) -> str:
    """The same address as the handshake calls it; anything but ws and wss is left to be refused."""
    scheme, separator, rest = url.partition("://")
    known = {"ws": "http", "wss": "https"}.get(scheme.lower(), "")
    return f"{known}{separator}{rest}"


async def probe(options: WebsocketOptions, way: Way) -> Finding:
    url = parse_url(as_http(options.url))
    key = base64.b64encode(os.urandom(16)).decode()
    began = time.perf_counter()
    tls = TlsWish(verify=options.verify_tls) if url.scheme == "https" else None
    line = await open_line(url.host, url.port, policy=way.policy, tls=tls, resolve=way.resolve)
    async with line:
        checked = build_request("GET", url, options.headers, b"")
        headers = [
            *(pair for pair in checked.wire_headers() if pair[0].lower() != b"connection"),
            (b"Connection", b"Upgrade"),
            (b"Upgrade", b"websocket"),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Key", key.encode()),
        ]
        if options.subprotocol:
            headers.append((b"Sec-WebSocket-Protocol", options.subprotocol.encode()))
        protocol = h11.Connection(h11.CLIENT)
        request = h11.Request(method="GET", target=url.target, headers=headers)
        await line.send((protocol.send(request) or b"") + (protocol.send(h11.EndOfMessage()) or b""))
        status, given = await answered(protocol, line)
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        problem = problem_with(status, given, key, options)
        if not problem:
            # A close frame with 1000, masked with zeros as a client's must be masked.
            await line.send(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
    return Finding(
        outcome=Outcome.FAILED if problem else Outcome.OK,
        message=problem or f"Upgraded in {took_ms:.0f} ms",
        response_ms=took_ms,
        phases=line.phases,
    )


async def answered(protocol: h11.Connection, line: Line) -> tuple[int, dict[str, str]]:
    try:
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await line.receive())
            elif isinstance(event, h11.Response) or (
                isinstance(event, h11.InformationalResponse) and event.status_code == 101
            ):
                headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in event.headers}
                return event.status_code, headers
            elif not isinstance(event, h11.InformationalResponse):
                raise BadAnswer("The answer is not valid HTTP.")
    except h11.RemoteProtocolError as error:
        raise BadAnswer("The answer is not valid HTTP.") from error


def problem_with(status: int, headers: dict[str, str], key: str, options: WebsocketOptions) -> str:
    if status != 101:
        return f"The upgrade was answered {status}."
    wanted = base64.b64encode(hashlib.sha1(f"{key}{GUID}".encode(), usedforsecurity=False).digest())
    if headers.get("sec-websocket-accept", "").strip() != wanted.decode():
        return "The upgrade was answered by something else than a WebSocket."
    if options.subprotocol and headers.get("sec-websocket-protocol", "").strip() != options.subprotocol:
        return "The subprotocol was not accepted."
    return ""


KIND = Kind(
    name="websocket",
    words="WebSocket",
    order=10,
    options=WebsocketOptions,
    probe=probe,
    target=lambda options: masking.mask_url(options.url),
    fields=(
        Field(name="url", label="URL", placeholder="wss://live.example.com/socket", required=True),
        Field(name="subprotocol", label="Subprotocol"),
        Field(name="headers", label="Headers", type="pairs", help="One a line, as Name: value."),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
    ),
)
