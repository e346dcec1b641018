"""Requests and answers as plain values: what is sent, what follows a redirect, what an answer's bytes
mean."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import httpx

from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.urls import ParsedUrl, UnusableUrl, parse_url

Headers = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The length is counted here, and one call is one connection: what the caller says about either would be
# wrong.
_OURS = frozenset({"connection", "keep-alive", "content-length", "transfer-encoding", "expect", "upgrade"})
# What tells another origin nothing of who asks. A list of what is secret would never be complete: keys go by
# X-Functions-Key, DD-APPLICATION-KEY and a hundred other names.
_PLAIN = frozenset({"accept", "user-agent", "content-type", "content-length", "cache-control"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class BadHeader(ValueError):
    """A header that cannot be sent; the message names it and leaves its value out."""


@dataclass(frozen=True, kw_only=True)
class OutboundRequest:
    """One request, checked and ready for the wire."""

    method: str
    url: ParsedUrl
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        # Headers, query and body may hold secrets, and a repr ends up in logs.
        return f"<OutboundRequest {self.method} {self.url.origin} {len(self.body)} B>"

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers as bytes: Host first, then the caller's, then ours about length and connection."""
        given = {name.lower() for name, _ in self.headers}
        own = [] if "host" in given else [("Host", self.url.host_header)]
        framing = [("Connection", "close")]
        if self.body or self.method in _METHODS_WITH_BODY:
            framing.append(("Content-Length", str(len(self.body))))
        return [(name.encode("ascii"), value.encode()) for name, value in (*own, *self.headers, *framing)]


@dataclass(frozen=True, kw_only=True)
class OutboundResponse:
    """An answer, whatever its status.

    `body` is decoded (gzip, deflate) and holds at most what the caller allowed; `truncated` says that there
    was more. `undecoded` names a content encoding the body still has. `redirects` are the URLs left behind,
    oldest first. `latency_ms` runs from the call to the last byte read, all redirects included. `dialled`
    is the address connected to: for the operator's eyes only.
    """

    status_code: int
    headers: Headers
    body: bytes
    truncated: bool
    undecoded: str
    latency_ms: float
    url: str
    redirects: tuple[str, ...]
    dialled: str

    def __repr__(self) -> str:
        return f"<OutboundResponse {self.status_code} {len(self.body)} B in {self.latency_ms:.0f} ms>"

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return first_header(self.headers, name)


def is_plain_header(name: str) -> bool:
    """Whether a header of this name is never a credential; every other one may be."""
    return name.lower() in _PLAIN or name.lower().startswith("accept-")


def first_header(headers: Headers, name: str) -> str | None:
    return next((value for given, value in headers if given.lower() == name.lower()), None)


def build_request(
    method: str, url: ParsedUrl, headers: Iterable[tuple[str, str]], body: bytes
) -> OutboundRequest:
    """A checked request. Raises ValueError for a method, and BadHeader for a header, that cannot be sent."""
    if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
        raise ValueError("The method is not one that can be sent.")
    checked = tuple(_checked(name, value) for name, value in headers)
    kept = tuple((name, value) for name, value in checked if name.lower() not in _OURS)
    return OutboundRequest(method=method.upper(), url=url, headers=kept, body=body)


def _checked(name: str, value: str) -> tuple[str, str]:
    if not _TOKEN.fullmatch(name):
        raise BadHeader(f"The header name {name[:64]!r} has characters that cannot be sent.")
    value = value.strip(" \t")
    if any((character < " " and character != "\t") or character == "\x7f" for character in value):
        raise BadHeader(f"The value of the header {name} has a line break or another control character.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadHeader(f"The value of the header {name} is not valid Unicode.") from None
    return name, value


def redirect_target(status_code: int, headers: Headers, url: ParsedUrl) -> ParsedUrl | None:
    """Where the answer sends its reader, or None. Raises BadAnswer for a place that cannot be gone to."""
    location = first_header(headers, "location")
    if status_code not in _REDIRECTS or location is None:
        return None
    try:
        # Joined and parsed by the client's own parser; a fragment is for browsers.
        joined = str(httpx.URL(str(url)).join(location.strip()))
        return parse_url(joined.partition("#")[0])
    except (httpx.InvalidURL, UnusableUrl) as error:
        raise BadAnswer("The answer redirects to an address that is not valid.", retryable=False) from error


def follow(request: OutboundRequest, status_code: int, target: ParsedUrl) -> OutboundRequest:
    """The request to send after a redirect, as browsers do: 303, and 301 or 302 after POST, become GET.

    When the origin changes, all headers stay behind but those that are plain. A body would have to go along,
    and may be as secret as they are: raises BadAnswer then.
    """
    headers = request.headers
    if is_elsewhere := target.origin != request.url.origin:
        headers = tuple((name, value) for name, value in headers if is_plain_header(name))
    becomes_get = (status_code == 303 and request.method != "HEAD") or (
        status_code in (301, 302) and request.method == "POST"
    )
    if not becomes_get:
        if is_elsewhere and request.body:
            raise BadAnswer(
                f"The answer redirects to another origin, {target.origin}, where the body does not follow.",
                retryable=False,
            )
        return replace(request, url=target, headers=headers)
    headers = tuple((name, value) for name, value in headers if not name.lower().startswith("content-"))
    return OutboundRequest(method="GET", url=target, headers=headers, body=b"")


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A body without its content encodings; `undecoded` names those that had to stay."""

    body: bytes
    truncated: bool
    undecoded: str


def decode_body(raw: bytes, content_encoding: str, *, max_bytes: int) -> Decoded:
    """The body decoded as far as we can, and never unfolded beyond `max_bytes`: a bomb stays small.

    What is not what it claims to be stays as it came, because a debugging tool shows what was sent.
    """
    encodings = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    body, truncated = raw, False
    # Applied left to right by the sender, so undone from the right. Two layers are odd; more are an attack.
    while encodings and encodings[-1] in ("gzip", "x-gzip", "deflate", "identity") and len(encodings) <= 2:
        if encodings[-1] != "identity" and body:
            try:
                body, cut = _inflate(body, max_bytes)
            except zlib.error:
                break
            truncated = truncated or cut
        encodings.pop()
    return Decoded(body=body, truncated=truncated, undecoded=", ".join(encodings))


def _inflate(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """What unfolds from gzip, zlib or raw deflate, and whether there was more than `max_bytes`."""
    # "deflate" means zlib, but some servers send it raw; a zlib header is a multiple of 31 and names method
    # 8.
    is_wrapped = body[:2] == b"\x1f\x8b" or (body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0)
    wbits = zlib.MAX_WBITS | 32 if is_wrapped else -zlib.MAX_WBITS
    unfolded = b""
    while body and len(unfolded) <= max_bytes:
        member = zlib.decompressobj(wbits)
        unfolded += member.decompress(body, max_bytes + 1 - len(unfolded))
        body = member.unused_data  # A gzip file may have several members.
        if body[:2] != b"\x1f\x8b":
            break
    return unfolded[:max_bytes], len(unfolded) > max_bytes
