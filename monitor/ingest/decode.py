"""From bytes to typed log items. The Struct below alone decides what is valid; serializers document it."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from ipaddress import ip_address
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from msgspec import Meta

from monitor.lib.ipv4 import ipv4_bytes

MAX_SAFE_NUMBER = 1e15

HeaderValue = str | int | float | bool | None | list[str | int | float | bool | None]
HeaderName = Annotated[str, Meta(max_length=8192)]
Size = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Headers = Annotated[dict[HeaderName, HeaderValue], Meta(max_length=128)]

LOCATION = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
MISSING = re.compile(r"missing required field `(?P<field>[^`]+)`")


class LogItem(msgspec.Struct, kw_only=True, frozen=True):
    """One request as a sender reports it. Unknown fields are ignored."""

    method: Annotated[str, Meta(max_length=16, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    path: Annotated[str, Meta(min_length=1, max_length=2048)]
    status_code: Annotated[int, Meta(ge=0, le=999)] | None = None
    latency_ms: Annotated[float, Meta(ge=0, le=MAX_SAFE_NUMBER)] | None = None
    query_params: dict[str, Any] | None = None
    request_headers: Headers | None = None
    request_body: str | None = None
    response_headers: Headers | None = None
    response_body: str | None = None
    error: str | None = None
    source_ip: Annotated[str, Meta(max_length=64)] | None = None
    tags: Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=32)] | None = (
        None
    )
    timestamp: Annotated[datetime, Meta(tz=True)] | float | None = None
    route: Annotated[str, Meta(max_length=2048)] | None = None
    consumer: Annotated[str, Meta(max_length=128)] | None = None
    environment: Annotated[str, Meta(max_length=64)] | None = None
    trace_id: Annotated[str, Meta(max_length=64)] | None = None
    event_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    span_id: Annotated[str, Meta(max_length=64)] | None = None
    parent_span_id: Annotated[str, Meta(max_length=64)] | None = None
    # Bytes as sent, for bodies that are not reported whole; else they are measured.
    request_bytes: Size | None = None
    response_bytes: Size | None = None
    # What an export knows of bodies that were not kept whole.
    request_truncated: bool | None = None
    response_truncated: bool | None = None
    request_body_dropped: bool | None = None
    response_body_dropped: bool | None = None

    def __post_init__(self) -> None:
        """What types cannot say. msgspec turns the ValueError into its own, with the place."""
        if self.source_ip and not ipv4_bytes(self.source_ip):
            try:
                ip_address(self.source_ip)
            except ValueError:
                # ipaddress would quote what was sent.
                raise ValueError("Must be an IPv4 or IPv6 address.") from None


class Undecodable(Exception):
    """An item, or a whole body, that is no log. `field` is empty when the JSON itself is at fault."""

    def __init__(self, message: str, *, field: str = "", code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


_decoder = msgspec.json.Decoder(LogItem)
_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def decode_one(data: bytes) -> LogItem:
    """The log item in one JSON object. Raises Undecodable."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _named(error) from None
    except RecursionError:
        raise Undecodable("The JSON is nested too deeply.", code="malformed_json") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return convert_item(load_leniently(data))


def decode_batch(data: bytes, kind: Literal["array", "ndjson"]) -> Iterator[LogItem | Undecodable]:
    """Each item of a batch, or what is wrong with it. Raises Undecodable when the whole cannot be split."""
    if kind == "ndjson":
        return (_decode_or_explain(line) for line in BytesIO(data) if line.strip())
    try:
        raws: Sequence[bytes | msgspec.Raw] = _array_decoder.decode(data)
    except msgspec.ValidationError:
        raise Undecodable("A batch is a JSON array of logs, or NDJSON as application/x-ndjson.") from None
    except RecursionError:
        raise Undecodable("The JSON is nested too deeply.", code="malformed_json") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _split_leniently(data)
    return (_decode_or_explain(raw) for raw in raws)


def check_size(size_bytes: int) -> None:
    """Raises Undecodable for an item that a single log's door would not take either."""
    if size_bytes > settings.MAX_LOG_BYTES:
        raise Undecodable(f"The log is larger than {settings.MAX_LOG_BYTES:,} bytes.", code="body_too_large")


def _decode_or_explain(data: bytes | msgspec.Raw) -> LogItem | Undecodable:
    try:
        check_size(len(data))
        return decode_one(data)
    except Undecodable as error:
        return error


def _split_leniently(data: bytes) -> Iterator[LogItem | Undecodable]:
    items = load_leniently(data)
    if not isinstance(items, list):
        raise Undecodable("A batch is a JSON array of logs, or NDJSON as application/x-ndjson.")
    return (_convert_or_explain(item) for item in items)


def _convert_or_explain(item: object) -> LogItem | Undecodable:
    try:
        check_size(len(msgspec.json.encode(item)))
        return convert_item(item)
    except Undecodable as error:
        return error


def convert_item(item: object) -> LogItem:
    try:
        return msgspec.convert(item, LogItem)
    except msgspec.ValidationError as error:
        raise _named(error) from None


def load_leniently(data: bytes) -> object:
    """JSON that may hold lone surrogates: JavaScript clients that cut a text inside an emoji send them.

    They become U+FFFD, so the log is kept. Everything else that is wrong stays an error.
    """
    try:
        text = bytes(data).decode()
        return _without_surrogates(json.loads(text, parse_constant=_no_constant, parse_float=_finite_number))
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and JSONDecodeError are both ValueErrors; neither quotes the data at length.
        reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        raise Undecodable(f"The body is not JSON: {reason}", code="malformed_json") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _finite_number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def _named(error: msgspec.ValidationError) -> Undecodable:
    """msgspec's message split into the field and what is wrong with it."""
    text = str(error)
    if missing := MISSING.search(text):
        return Undecodable("This field is required.", field=missing["field"], code="required")
    location = LOCATION.search(text)
    message = LOCATION.sub("", text).replace("`", "'")
    if location is None:
        field = "source_ip" if "IPv4 or IPv6" in text else ""
        return Undecodable(message, field=field)
    field = re.sub(r"\[(\d+)\]", r".\1", location["path"]).replace("[...]", "")
    return Undecodable(message, field=field.strip("."))
