"""From a call to the log that is sent, as one line of JSON: decoded and masked, in the sending thread."""

import itertools
import json
import random
import re
import secrets
import traceback
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from apimonitor_client.call import Call, RawHeaders, is_text
from apimonitor_client.masking import Masker
from apimonitor_client.options import Options

# The system's: the application may have seeded `random`, and must draw from it what it would without us.
CHANCE = random.SystemRandom()

# What the monitor takes; more is cut here, because it would refuse the log.
MAX_HEADERS = 128
MAX_HEADER_CHARS = 8000
MAX_URL_CHARS = 8192
MAX_PATH_CHARS = 2048
MAX_ERROR_CHARS = 16_000
MAX_TAGS = 32
MAX_LABEL_CHARS = 128
URL_CHARACTERS = "/:?#[]@!$&'()*+,;=%-._~"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,16}")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")


class Writer:
    """Makes logs of calls, each with an id of its own by which the monitor keeps it once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._masker = Masker(headers=options.mask_headers, keys=options.mask_keys)
        self._exclude = [re.compile(pattern) for pattern in options.exclude]
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def is_wanted(self, call: Call, path: str) -> bool:
        if any(pattern.match(path) for pattern in self._exclude):
            return False
        return call.failed or self._options.sample_rate >= 1 or CHANCE.random() < self._options.sample_rate

    def line(self, call: Call) -> bytes | None:
        """The log as one line, or None when it is not to be sent."""
        log = self.log(call)
        if log is not None and self._options.before_send is not None:
            log = self._options.before_send(log)
        if log is None:
            return None
        return json.dumps(log, separators=(",", ":")).encode()

    def log(self, call: Call) -> dict[str, Any] | None:
        """The log as the monitor's API describes it."""
        if call.complete is not None:
            call.complete(call)
        scheme, host, path = call.url
        path = quote(path, safe=URL_CHARACTERS) or "/"
        if not self.is_wanted(call, path):
            return None
        sent, came = headers_of(call.request_headers), headers_of(call.response_headers)
        query = self._masker.query(quote(call.query, safe=URL_CHARACTERS))
        url = f"{scheme}://{host or one(sent, 'host') or 'localhost'}{path}{'?' if query else ''}{query}"
        tags = [*self._options.tags, *call.tags]
        request_body = self._body(call.request_body, sent)
        response_body = self._body(call.response_body, came)
        tags += ["request-body-cut"] if call.request_cut and request_body else []
        tags += ["response-body-cut"] if call.response_cut and response_body else []
        log = {
            "event_id": f"{self._process}-{next(self._numbers)}",
            "timestamp": call.started_at,
            "method": call.method if _METHOD.fullmatch(call.method) else "INVALID",
            "url": url[:MAX_URL_CHARS],
            "path": path[:MAX_PATH_CHARS],
            "route": route_of(call),
            "status_code": call.status,
            "latency_ms": round(call.took_s * 1000, 3),
            "request_headers": self._headers(sent),
            "response_headers": self._headers(came),
            "request_body": request_body,
            "response_body": response_body,
            "error": self._error(call),
            "source_ip": self._address(call, sent),
            "consumer": call.consumer[:MAX_LABEL_CHARS],
            "environment": self._options.environment[:64],
            "trace_id": trace_of(sent),
            "tags": [tag[:MAX_LABEL_CHARS] for tag in tags if tag][:MAX_TAGS],
        }
        return {name: value for name, value in log.items() if value not in (None, "", [], {})}

    def _headers(self, headers: Mapping[str, list[str]]) -> dict[str, str | list[str]]:
        kept: dict[str, str | list[str]] = {}
        for name, values in itertools.islice(headers.items(), MAX_HEADERS):
            each = MAX_HEADER_CHARS // len(values)
            texts = [self._masker.header(name, value)[:each] for value in values]
            kept[name[:128]] = texts[0] if len(texts) == 1 else texts
        return kept

    def _body(self, chunks: list[bytes] | None, headers: Mapping[str, list[str]]) -> str | None:
        if not chunks:
            return None
        content_type = one(headers, "content-type")
        if not is_text(content_type):
            return None
        body = unfolded(b"".join(chunks), one(headers, "content-encoding"), self._options.max_body_bytes)
        if body is None:
            return None
        text = body.decode(charset_of(content_type), errors="replace")
        return self._masker.body(text, content_type)

    def _error(self, call: Call) -> str | None:
        if call.error is None:
            return None
        return self._masker.text(told(call.error))[:MAX_ERROR_CHARS]

    def _address(self, call: Call, headers: Mapping[str, list[str]]) -> str:
        """Who called: the peer, or what the outermost proxy that is trusted says of its own peer."""
        address = str(call.source or "")
        if self._options.trusted_proxies:
            hops = [
                hop.strip() for hop in ",".join(headers.get("x-forwarded-for", [])).split(",") if hop.strip()
            ]
            if len(hops) >= self._options.trusted_proxies:
                address = hops[-self._options.trusted_proxies]
        return address if _ADDRESS.fullmatch(address) else ""


def headers_of(raw: RawHeaders) -> dict[str, list[str]]:
    """All values of each name, names in lower case."""
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        headers.setdefault(text_of(name).lower(), []).append(text_of(value))
    return headers


def text_of(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return str(value)


def one(headers: Mapping[str, list[str]], name: str) -> str:
    return headers.get(name, [""])[0]


def route_of(call: Call) -> str:
    if call.route is None:
        return ""
    try:
        return call.route()[:MAX_PATH_CHARS]
    except Exception:  # a router of another version; the monitor infers a template from the path
        return ""


def trace_of(headers: Mapping[str, list[str]]) -> str:
    """The trace id of a W3C traceparent header."""
    match = _TRACEPARENT.match(one(headers, "traceparent"))
    return match[1] if match else ""


def charset_of(content_type: str) -> str:
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    try:
        return charset if charset and "".encode(charset) == b"" else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def unfolded(body: bytes, encoding: str, most: int) -> bytes | None:
    """The body without gzip or deflate, at most this long; None for what only a browser can read."""
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return body
    if kind not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        # A body that was cut is an unfinished stream: what is there unfolds all the same.
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, most)
    except zlib.error:
        return None


def told(error: BaseException) -> str:
    """What was raised, and then the places it went through: lists show the beginning."""
    summary = "".join(traceback.format_exception_only(error)).strip()
    return f"{summary}\n\n{''.join(traceback.format_exception(error)).rstrip()}"


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
