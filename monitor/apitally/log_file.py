"""Reads the log files of Apitally's clients 0.x: gzip of JSON lines, a line for each request."""

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from monitor.ingest import fit
from monitor.ingest.decode import LogItem, Undecodable, convert_item, load_leniently
from monitor.lib import masking

CHUNK_BYTES = 64 * 1024
# What the client puts in the place of a body.
TOO_LARGE, MASKED = b"<body too large>", b"<masked>"


def read_items(body: bytes, environment: str) -> Iterator[LogItem | Undecodable]:
    """The requests in the file, one line at a time. What cannot be read is skipped: the client would send
    the same file for ever."""
    for line in lines_of(body):
        if line is None:
            yield Undecodable("The line is too long.", code="body_too_large")
        elif line.strip():
            try:
                yield item_of(load_leniently(line), environment)
            except Undecodable as error:
                yield error


def lines_of(body: bytes) -> Iterator[bytes | None]:
    """The lines, unpacked as far as they can be; None for one that is longer than allowed."""
    rest, is_too_long = b"", False
    for chunk in unpacked(body):
        *whole, rest_of_chunk = chunk.split(b"\n")
        for piece in whole:
            line, rest = rest + piece, b""
            yield None if is_too_long or len(line) > settings.MAX_APITALLY_LINE_BYTES else line
            is_too_long = False
        rest += rest_of_chunk
        if len(rest) > settings.MAX_APITALLY_LINE_BYTES:
            rest, is_too_long = b"", True
    if rest or is_too_long:
        yield None if is_too_long else rest


def unpacked(body: bytes) -> Iterator[bytes]:
    """The file in chunks, up to the largest that is read. Clients declare no encoding: gzip shows itself.

    A file that breaks off gives what came before.
    """
    if not body.startswith(fit.GZIP_MAGIC):
        yield body
        return
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    left = settings.MAX_APITALLY_FILE_BYTES
    packed = body
    while packed and left > 0 and not unpacker.eof:
        try:
            chunk = unpacker.decompress(packed, min(CHUNK_BYTES, left))
        except zlib.error:
            return
        packed = unpacker.unconsumed_tail
        left -= len(chunk)
        yield chunk


def item_of(line: object, environment: str) -> LogItem:
    """The log item of one line. Raises Undecodable."""
    if not isinstance(line, dict):
        raise Undecodable("A line is a JSON object.")
    request, response = mapping(line, "request"), mapping(line, "response")
    url = text(request, "url")
    parts = split(url)
    request_headers, response_headers = headers(request), headers(response)
    request_body, request_note = body_of(request)
    response_body, response_note = body_of(response)
    seconds = number(response, "response_time", "responseTime")
    return convert_item(
        {
            "method": text(request, "method"),
            "url": fit.cut(url, fit.MAX_URL),
            "path": fit.cut(parts.path or "/", fit.MAX_PATH),
            "route": fit.cut(text(request, "path") or None, fit.MAX_ROUTE),
            "status_code": status_code(response),
            "latency_ms": None if seconds is None else min(max(seconds, 0.0) * 1000, fit.MAX_LATENCY_MS),
            "query_params": fit.query_params(parts.query),
            "request_headers": fit.headers(request_headers),
            "request_body": request_body,
            "response_headers": fit.headers(response_headers),
            "response_body": response_body,
            "error": error_text(mapping(line, "exception")),
            "source_ip": source_ip(dict(request_headers)),
            "tags": fit.tags([("request_body", request_note), ("response_body", response_note)]),
            "timestamp": began_at(request, seconds, is_javascript="statusCode" in response),
            "consumer": fit.cut(text(request, "consumer") or None, fit.MAX_CONSUMER),
            "environment": environment,
            "trace_id": text(line, "trace_id", "traceId").lower()[: fit.MAX_ENVIRONMENT] or None,
            # With the timestamp, which is the same in each repeat, so that repeats are kept once.
            "event_id": text(line, "uuid")[: fit.MAX_TAG] or None,
        }
    )


def mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text(value: Mapping[str, Any], *names: str) -> str:
    """The first of these members that is a text; they are spelled in snake_case or in camelCase."""
    return next((value[name] for name in names if isinstance(value.get(name), str)), "")


def number(value: Mapping[str, Any], *names: str) -> float | None:
    """The first of these members that is a number. Raises Undecodable for one of hundreds of digits."""
    for name in names:
        found = value.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool):
            try:
                return float(found)
            except OverflowError:
                raise Undecodable("A number is out of range.", field=name) from None
    return None


def split(url: str) -> Any:
    """The parts of the address; one that is no address is a path."""
    try:
        return urlsplit(url)
    except ValueError:
        path, _, query = url.partition("?")
        return urlsplit("")._replace(path=path, query=query)


def status_code(response: Mapping[str, Any]) -> int | None:
    status = number(response, "status_code", "statusCode")
    return int(status) if status is not None and 0 <= status <= 999 else None


def began_at(request: Mapping[str, Any], seconds: float | None, *, is_javascript: bool) -> float | None:
    """When the request began. Express, Fastify and Koa tell when it ended; so all of JavaScript is taken to,
    since a file does not say which framework wrote it."""
    told = number(request, "timestamp")
    if told is None or not is_javascript:
        return told
    return told - (seconds or 0.0)


def headers(side: Mapping[str, Any]) -> Sequence[tuple[str, list[str]]]:
    """Headers by lower-case name; those that repeat with all their values."""
    pairs = side.get("headers")
    found: dict[str, list[str]] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            found.setdefault(str(pair[0]).lower(), []).append(str(pair[1]))
    return list(found.items())


def source_ip(request_headers: Mapping[str, list[str]]) -> str | None:
    """Who asked, as far as a proxy has told: the client does not."""
    for name in ("x-forwarded-for", "x-real-ip"):
        for value in request_headers.get(name, ()):
            return fit.address_in(value.partition(",")[0])
    return None


def body_of(side: Mapping[str, Any]) -> tuple[str | None, str]:
    """A captured body, and a word on why it is missing although there was one."""
    encoded = text(side, "body")
    if not encoded:
        return None, ""
    try:
        body = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return None, "not readable"
    if body == TOO_LARGE:
        return None, "too large"
    if body == MASKED:
        return masking.MASK, ""
    if body.startswith(fit.GZIP_MAGIC):
        # The application compresses its answers. The client could not mask inside; we do.
        plain = gunzipped(body)
        if plain is None:
            return None, "compressed"
        body = plain
    return body.decode(errors="replace"), ""


def gunzipped(body: bytes) -> bytes | None:
    """The body as it was, up to a line's length; None for one that cannot be unpacked."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(
            body, settings.MAX_APITALLY_LINE_BYTES
        )
    except zlib.error:
        return None


def error_text(exception: Mapping[str, Any]) -> str | None:
    if not exception:
        return None
    return fit.error_text(
        # Clients disagree on whether built-in types carry their module.
        type=text(exception, "type").removeprefix("builtins."),
        message=text(exception, "message"),
        stack=text(exception, "traceback", "stacktrace"),
        limit=settings.MAX_BODY_BYTES,
    )
