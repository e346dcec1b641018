"""The verb: send one request and bring the answer home, within its bounds."""

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator
from functools import cache

import certifi
import httpcore

from monitor.lib.outbound.connecting import Deadline, GuardedBackend, Resolve, system_resolve
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.messages import (
    Headers,
    OutboundRequest,
    OutboundResponse,
    build_request,
    decode_body,
    first_header,
    follow,
    redirect_target,
)
from monitor.lib.outbound.policy import OutboundPolicy
from monitor.lib.outbound.urls import parse_url


def send(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    policy: OutboundPolicy,
    timeout_s: float,
    max_response_bytes: int,
    max_redirects: int = 0,
    connect_timeout_s: float | None = None,
    resolve: Resolve = system_resolve,
    tls: ssl.SSLContext | None = None,
) -> OutboundResponse:
    """The answer to one request, whatever its status.

    Headers go out as given; Host is added where missing, length and connection are always ours, and nothing
    else is added. `timeout_s` bounds the whole call, name resolution and redirects included;
    `connect_timeout_s` each connecting within it. Without `max_redirects` a redirect is an answer like any
    other.

    Raises UnusableUrl, BadHeader and ValueError (a method) for what cannot be sent, and OutboundError.
    """
    started = time.monotonic()
    deadline = Deadline(timeout_s)
    request = build_request(method, parse_url(url), headers, body)
    left_behind: list[str] = []
    while True:
        backend = GuardedBackend(
            policy=policy, deadline=deadline, resolve=resolve, connect_timeout_s=connect_timeout_s
        )
        policy.check(request.url)
        with _exchange(request, backend, tls) as answer:
            status_code, answer_headers = answer.status, _text_headers(answer)
            target = redirect_target(status_code, answer_headers, request.url) if max_redirects else None
            if target is None:
                raw, truncated = _read(answer, max_response_bytes, has_body=request.method != "HEAD")
                break
        if len(left_behind) == max_redirects:
            raise BadAnswer(f"The answer redirects more than {max_redirects} times.", retryable=False)
        left_behind.append(str(request.url))
        request = follow(request, status_code, target)
    decoded = decode_body(
        raw, first_header(answer_headers, "content-encoding") or "", max_bytes=max_response_bytes
    )
    return OutboundResponse(
        status_code=status_code,
        headers=answer_headers,
        body=decoded.body,
        truncated=truncated or decoded.truncated,
        undecoded=decoded.undecoded,
        latency_ms=(time.monotonic() - started) * 1000,
        url=str(request.url),
        redirects=tuple(left_behind),
        dialled=backend.dialled,
    )


@contextlib.contextmanager
def _exchange(
    request: OutboundRequest, backend: GuardedBackend, tls: ssl.SSLContext | None
) -> Iterator[httpcore.Response]:
    """The answer to the request on a connection of its own, closed at the end.

    httpcore's single connection instead of a pool or httpx's client: no connection can be reused for
    another tenant, no proxy or .netrc is read from the environment, no header is added, and the guard is a
    public argument.
    """
    url = httpcore.URL(
        scheme=request.url.scheme.encode(),
        host=request.url.host.encode(),
        port=request.url.port,
        target=request.url.target.encode(),
    )
    connection = httpcore.HTTPConnection(
        url.origin, ssl_context=tls or default_tls(), keepalive_expiry=0, network_backend=backend
    )
    try:
        yield connection.handle_request(
            httpcore.Request(
                request.method.encode(), url, headers=request.wire_headers(), content=request.body
            )
        )
    except (httpcore.RemoteProtocolError, httpcore.LocalProtocolError) as error:
        raise BadAnswer("The answer is not valid HTTP.") from error
    finally:
        connection.close()


def _read(answer: httpcore.Response, max_bytes: int, *, has_body: bool) -> tuple[bytes, bool]:
    """The raw body up to the bound, and whether there was more."""
    kept = bytearray()
    if has_body:
        for chunk in answer.iter_stream():
            kept += chunk
            if len(kept) > max_bytes:
                return bytes(kept[:max_bytes]), True
    return bytes(kept), False


def _text_headers(answer: httpcore.Response) -> Headers:
    # Latin-1 gives every byte a character; UTF-8, which many send, is tried first.
    return tuple((name.decode("latin-1"), _text(value)) for name, value in answer.headers)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@cache
def default_tls() -> ssl.SSLContext:
    """Trusts the public authorities, and those the operator installed on this machine. Read once: 20 ms."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
