"""The verb for asyncio: one request, its redirects, and how long each phase of the last hop took."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import h11

from monitor.lib.outbound.connecting import Resolve, system_resolve
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Family, Line, Phases, TlsWish, open_line
from monitor.lib.outbound.messages import (
    Headers,
    OutboundRequest,
    build_request,
    decode_body,
    first_header,
    follow,
    redirect_target,
)
from monitor.lib.outbound.policy import OutboundPolicy
from monitor.lib.outbound.proxies import Proxy, open_through
from monitor.lib.outbound.urls import parse_url

_MAX_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Hop:
    """An answer that sent its reader on."""

    status_code: int
    url: str


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An answer, whatever its status; see OutboundResponse. Phases are those of the last hop, `latency_ms`
    of all. `certificate` is DER, None without TLS."""

    status_code: int
    headers: Headers
    body: bytes = field(repr=False)
    truncated: bool
    undecoded: str
    latency_ms: float
    phases: Phases
    url: str
    redirects: tuple[Hop, ...]
    certificate: bytes | None = field(default=None, repr=False)
    tls_version: str = ""

    def header(self, name: str) -> str | None:
        return first_header(self.headers, name)


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status_code: int
    headers: Headers
    raw: bytes
    truncated: bool
    phases: Phases
    certificate: bytes | None
    tls_version: str


async def fetch(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    policy: OutboundPolicy,
    max_response_bytes: int,
    max_redirects: int = 0,
    tls: TlsWish | None = None,
    proxy: Proxy | None = None,
    family: Family = 0,
    resolve: Resolve = system_resolve,
) -> Fetched:
    """The answer to one request. The caller bounds the time, redirects included.

    Without `max_redirects` a redirect is an answer like any other. Raises UnusableUrl, BadHeader and
    ValueError (a method) for what cannot be sent, and OutboundError.
    """
    began = time.perf_counter()
    request = build_request(method, parse_url(url), headers, body)
    hops: list[Hop] = []
    while True:
        policy.check(request.url)
        wish = (tls or TlsWish()) if request.url.scheme == "https" else None
        line = (
            await open_through(
                proxy, request.url.host, request.url.port, policy=policy, tls=wish, resolve=resolve
            )
            if proxy
            else await open_line(
                request.url.host, request.url.port, policy=policy, tls=wish, family=family, resolve=resolve
            )
        )
        async with line:
            answer = await _exchange(request, line, max_response_bytes)
        target = redirect_target(answer.status_code, answer.headers, request.url) if max_redirects else None
        if target is None:
            break
        if len(hops) == max_redirects:
            raise BadAnswer(f"The answer redirects more than {max_redirects} times.", retryable=False)
        hops.append(Hop(status_code=answer.status_code, url=str(request.url)))
        if tls and target.origin != request.url.origin:
            # A certificate says who we are, and a handshake proves it: not to whoever we were sent to.
            tls = replace(tls, certificate="", key="")
        request = follow(request, answer.status_code, target)
    decoded = decode_body(
        answer.raw, first_header(answer.headers, "content-encoding") or "", max_bytes=max_response_bytes
    )
    return Fetched(
        status_code=answer.status_code,
        headers=answer.headers,
        body=decoded.body,
        truncated=answer.truncated or decoded.truncated,
        undecoded=decoded.undecoded,
        latency_ms=round((time.perf_counter() - began) * 1000, 3),
        phases=answer.phases,
        url=str(request.url),
        redirects=tuple(hops),
        certificate=answer.certificate,
        tls_version=answer.tls_version,
    )


async def _exchange(request: OutboundRequest, line: Line, max_bytes: int) -> _Answer:
    """Send the request on a connection of its own, and read the answer up to the bound."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
    began = time.perf_counter()
    try:
        sent = protocol.send(
            h11.Request(method=request.method, target=request.url.target, headers=request.wire_headers())
        )
        if request.body:
            sent = (sent or b"") + (protocol.send(h11.Data(data=request.body)) or b"")
        line.writer.write((sent or b"") + (protocol.send(h11.EndOfMessage()) or b""))
        head = await _next_event(protocol, line)
        while isinstance(head, h11.InformationalResponse):
            head = await _next_event(protocol, line)
        if not isinstance(head, h11.Response):
            raise BadAnswer("The answer is not valid HTTP.")
        answered = time.perf_counter()
        raw, truncated = await _read_body(protocol, line, max_bytes)
    except h11.RemoteProtocolError as error:
        raise BadAnswer("The answer is not valid HTTP.") from error
    ended = time.perf_counter()
    tls = line.tls
    return _Answer(
        status_code=head.status_code,
        headers=tuple((_text(name), _text(value)) for name, value in head.headers.raw_items()),
        raw=raw,
        truncated=truncated,
        phases=replace(
            line.phases,
            wait=round((answered - began) * 1000, 3),
            transfer=round((ended - answered) * 1000, 3),
        ),
        certificate=tls.getpeercert(binary_form=True) if tls else None,
        tls_version=(tls.version() or "").removeprefix("TLSv") if tls else "",
    )


async def _next_event(protocol: h11.Connection, line: Line) -> object:
    while True:
        event = protocol.next_event()
        if event is not h11.NEED_DATA:
            return event
        protocol.receive_data(await line.receive())


async def _read_body(protocol: h11.Connection, line: Line, max_bytes: int) -> tuple[bytes, bool]:
    kept = bytearray()
    while isinstance(event := await _next_event(protocol, line), h11.Data):
        kept += event.data
        if len(kept) > max_bytes:
            return bytes(kept[:max_bytes]), True
    return bytes(kept), False


def _text(raw: bytes) -> str:
    # Latin-1 gives every byte a character; UTF-8, which many send, is tried first.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
