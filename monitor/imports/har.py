"""From HAR 1.2 to log items: http://www.softwareishard.com/blog/har-12-spec/, as it is written in fact.

Writers differ: sizes and times of -1, status 0 for an answer that never came, HTTP/2's own header names,
bodies in base64, and whole parts left out. What is missing is not reported; what is wrong names its place.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from monitor.imports.har_bodies import Body, body_of_answer, body_of_request
from monitor.ingest import fit
from monitor.ingest.decode import LogItem, Undecodable, convert_item, load_leniently
from monitor.lib import masking
from monitor.lib.kept_text import RULES

SCHEMES = frozenset({"http", "https", "ws", "wss"})
# An answer of these is whole with its head: no body can be missing.
WITHOUT_BODY = frozenset({204, 205, 304})
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Where in an entry a log's field comes from: what is wrong with it is told in the words of the file.
PLACES = {
    "timestamp": "startedDateTime",
    "latency_ms": "time",
    "method": "request.method",
    "url": "request.url",
    "path": "request.url",
    "query_params": "request.url",
    "request_headers": "request.headers",
    "request_body": "request.postData",
    "status_code": "response.status",
    "response_headers": "response.headers",
    "response_body": "response.content",
    "error": "response._error",
}


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _File(msgspec.Struct):
    log: _Log


_decoder = msgspec.json.Decoder(_File)


def read_har(data: bytes) -> Sequence[LogItem | Undecodable]:
    """The item of each entry, or what is wrong with it. Raises Undecodable for a file that is no HAR."""
    return [item_or_reason(entry) for entry in entries_of(data)]


def entries_of(data: bytes) -> Sequence[object]:
    """The entries as they stand in the file, undecoded where that is possible. Raises Undecodable."""
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        return _decoder.decode(data).log.entries
    except msgspec.ValidationError:
        raise Undecodable("This is no HAR: it needs `log` with `entries`.", code="malformed_har") from None
    except RecursionError:
        raise Undecodable("The JSON is nested too deeply.", code="malformed_json") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return entries_of_lenient(load_leniently(data))


def entries_of_lenient(file: object) -> Sequence[object]:
    log = file.get("log") if isinstance(file, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise Undecodable("This is no HAR: it needs `log` with `entries`.", code="malformed_har")
    return entries


def item_or_reason(entry: object) -> LogItem | Undecodable:
    try:
        return item_of(plain(entry))
    except Undecodable as error:
        return error


def plain(entry: object) -> Mapping[str, Any]:
    """The entry as a mapping. Raises Undecodable."""
    if isinstance(entry, msgspec.Raw):
        written = entry
        try:
            entry = msgspec.json.decode(written)
        except RecursionError:
            raise Undecodable("The JSON is nested too deeply.", code="malformed_json") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            entry = load_leniently(bytes(written))
    if not isinstance(entry, dict):
        raise Undecodable("An entry is an object.")
    return entry


def item_of(entry: Mapping[str, Any]) -> LogItem:
    """The log item of one entry. Raises Undecodable, with the place."""
    request, answer = part(entry, "request", needed=True), part(entry, "response")
    url = text(request, "url", "request.url", needed=True)
    path, query = path_and_query(url)
    moment = moment_of(entry)
    request_headers = headers(request, "request.headers")
    sent = body_of_request(request, request_headers)
    came = body_of_answer(answer)
    status = whole(answer.get("status"))
    latency = latency_ms(entry)
    return convert_item(
        {
            "method": text(request, "method", "request.method", needed=True),
            "url": fit.cut(url, fit.MAX_URL),
            "path": fit.cut(path, fit.MAX_PATH),
            "query_params": query,
            # 0 is how browsers write that no answer came.
            "status_code": status if status and status <= 999 else None,
            "latency_ms": latency,
            "request_headers": request_headers,
            "request_body": sent.text,
            "request_bytes": sent.size_bytes,
            "response_headers": headers(answer, "response.headers"),
            "response_body": came.text,
            "response_bytes": came.size_bytes if status else None,
            "error": error_of(entry, answer),
            **trace_of(request_headers),
            "tags": tags(entry, sent, came),
            "timestamp": moment,
            "event_id": event_id(moment, request, status, latency),
        }
    )


# --- Parts -------------------------------------------------------------------------------------------------


def part(whole_: Mapping[str, Any], name: str, *, needed: bool = False) -> Mapping[str, Any]:
    """The object under this name; an empty one where it is missing. Raises Undecodable."""
    found = whole_.get(name)
    if found is None and not needed:
        return {}
    if found is None:
        raise Undecodable("This field is required.", field=name, code="required")
    if not isinstance(found, dict):
        raise Undecodable("Expected an object.", field=name)
    return found


def text(of: Mapping[str, Any], name: str, place: str, *, needed: bool = False) -> str:
    found = of.get(name)
    if found in (None, "") and needed:
        raise Undecodable("This field is required.", field=place, code="required")
    if not isinstance(found, str):
        raise Undecodable("Expected a text.", field=place)
    return found


def number(value: object) -> float | None:
    """A number that says something: files write -1 where they know none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= fit.MAX_LATENCY_MS else None  # type: ignore[arg-type, operator]


def whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def moment_of(entry: Mapping[str, Any]) -> datetime:
    """When the request began. One without a zone is read as UTC. Raises Undecodable."""
    written = text(entry, "startedDateTime", "startedDateTime", needed=True)
    try:
        moment = datetime.fromisoformat(written.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = "Expected a moment as 2026-11-21T09:30:00.123Z."
        raise Undecodable(message, field="startedDateTime") from None


def path_and_query(url: str) -> tuple[str, dict[str, list[str]] | None]:
    """The path and the parameters. Raises Undecodable for what was no request over HTTP."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Undecodable("This is no address.", field="request.url") from None
    if parts.scheme not in SCHEMES:
        # data:, blob:, chrome-extension: and the like, which never left the browser.
        message = f"Not a request over HTTP: {parts.scheme[:32] or 'without scheme'}."
        raise Undecodable(message, field="request.url", code="not_http")
    return parts.path or "/", fit.query_params(parts.query)


def latency_ms(entry: Mapping[str, Any]) -> float | None:
    """The time of the whole; where the file has none, the sum of its known parts."""
    known = number(entry.get("time"))
    if known is not None:
        return known
    timings = entry.get("timings")
    if not isinstance(timings, dict):
        return None
    # ssl is a part of connect.
    parts = [number(value) for name, value in timings.items() if name != "ssl" and not name.startswith("_")]
    found = [value for value in parts if value is not None]
    return min(sum(found), fit.MAX_LATENCY_MS) if found else None


def headers(side: Mapping[str, Any], place: str) -> dict[str, str | list[str]] | None:
    """Names to values, those that stand twice as a list. HTTP/2's own (`:authority`) are no headers."""
    listed = side.get("headers")
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise Undecodable("Expected a list of names and values.", field=place)
    spelled: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for each in listed:
        name, value = (each.get("name"), each.get("value")) if isinstance(each, dict) else (None, None)
        if not isinstance(name, str) or not name or name.startswith(":"):
            continue
        key = spelled.setdefault(name.lower(), name)
        found.setdefault(key, []).append("" if value is None else str(value))
    return fit.headers(found.items())


def error_of(entry: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    """Why no answer came, where the writer says it: Chrome and mitmproxy in the answer, we in the entry.

    Chrome 156 writes net::ERR_ABORTED for a fetch that was answered 204, so nothing is said by it there.
    """
    if whole(answer.get("status")) in WITHOUT_BODY:
        return None
    for said in (answer.get("_error"), entry.get("_error")):
        if isinstance(said, str) and said:
            return said
    return None


def trace_of(request_headers: Mapping[str, str | list[str]] | None) -> dict[str, str]:
    """The trace that the request says it belongs to, and itself in it: https://www.w3.org/TR/trace-context/."""
    for name, value in (request_headers or {}).items():
        if name.lower() == "traceparent" and isinstance(value, str):
            found = TRACEPARENT.fullmatch(value.strip().lower())
            return {"trace_id": found[1], "span_id": found[2]} if found else {}
    return {}


def tags(entry: Mapping[str, Any], sent: Body, came: Body) -> list[str] | None:
    """What kind of request the browser calls it, and why a body is missing although there was one."""
    kind, messages = entry.get("_resourceType"), entry.get("_webSocketMessages")
    pairs = {
        "resource": kind if isinstance(kind, str) else "",
        # The handshake is the request; what was said after it is only counted.
        "websocket.messages": str(len(messages)) if isinstance(messages, list) else "",
        "request_body": sent.note,
        "response_body": came.note,
    }
    return fit.tags(pairs.items())


def event_id(moment: datetime, request: Mapping[str, Any], status: int | None, latency: float | None) -> str:
    """The same for the same request, however often and by which writer of the recording it is exported.

    Of what is in an entry, headers, answers and `_` fields come and go with the kind of export (cleaned of
    secrets, with contents), and so are left out.
    """
    post = request.get("postData")
    body = post.get("text") if isinstance(post, dict) else None
    size = len(body) if isinstance(body, str) else 0
    # No secret goes in: who knows all the rest could try what is left.
    url = masking.mask_url(str(request.get("url")), rules=RULES)
    told = [moment.isoformat(), request.get("method"), url, size, status or 0, latency]
    digest = hashlib.blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()
    return f"har:{digest}"
