"""HAR 1.2 for the network panel of a browser: http://www.softwareishard.com/blog/har-12-spec/."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from django.conf import settings

from monitor.export.walking import Exported
from monitor.lib.kept_text import content_type
from monitor.models import RequestLog

encode = msgspec.json.Encoder().encode
HTTP_VERSION = "HTTP/1.1"
# What was not reported, as the format says it.
UNKNOWN = -1
NOWHERE = "http://unknown.invalid"
# Everything that an address may hold; the rest is escaped.
ADDRESS = "!#$%&'()*+,/:;=?@[]-._~"


def entry_of(exported: Exported, *, bodies: bool) -> dict[str, Any]:
    log = exported.log
    duration = log.latency_ms or 0
    return {
        "startedDateTime": log.captured_at.isoformat(),
        "time": duration,
        "request": request_of(exported, bodies=bodies),
        "response": response_of(exported, bodies=bodies),
        "cache": {},
        "timings": {"send": 0, "wait": duration, "receive": 0},
        "_id": log.id,
        "_service": log.service.name,
        **({"_error": exported.contents.get("error", log.error)} if log.error else {}),
    }


def request_of(exported: Exported, *, bodies: bool) -> dict[str, Any]:
    log, contents = exported.log, exported.contents
    headers = contents.get("request_headers")
    request: dict[str, Any] = {
        "method": log.method,
        "url": address_of(log),
        "httpVersion": HTTP_VERSION,
        "cookies": [],
        "headers": pairs(headers),
        "queryString": query_of(log, contents),
        "headersSize": UNKNOWN,
        "bodySize": size(log.request_bytes),
    }
    body = contents.get("request_body")
    if bodies and body is not None:
        request["postData"] = {"mimeType": content_type(headers or {}) or "", "text": body}
    return request


def response_of(exported: Exported, *, bodies: bool) -> dict[str, Any]:
    log, contents = exported.log, exported.contents
    headers = contents.get("response_headers")
    content: dict[str, Any] = {
        "size": max(size(log.response_bytes), 0),
        "mimeType": content_type(headers or {}) or "",
    }
    if bodies and contents.get("response_body") is not None:
        content["text"] = contents["response_body"]
    return {
        # 0 is how browsers write that no answer came.
        "status": log.status_code or 0,
        "statusText": phrase_of(log.status_code),
        "httpVersion": HTTP_VERSION,
        "cookies": [],
        "headers": pairs(headers),
        "content": content,
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": size(log.response_bytes),
    }


def address_of(log: RequestLog) -> str:
    """The whole address: readers refuse one without scheme and host."""
    url = log.url
    try:
        is_whole = bool(urlsplit(url).scheme and urlsplit(url).netloc)
    except ValueError:
        is_whole = False
    if not is_whole:
        url = (log.service.base_url or NOWHERE).rstrip("/") + "/" + url.lstrip("/")
    return quote(url, safe=ADDRESS)


def query_of(log: RequestLog, contents: Mapping[str, Any]) -> list[dict[str, str]]:
    if contents.get("query_params"):
        return pairs(contents["query_params"])
    _, _, query = log.url.partition("?")
    return [{"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True)]


def pairs(values: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return [
        {"name": name, "value": each if isinstance(each, str) else encode(each).decode()}
        for name, value in (values or {}).items()
        for each in each_of(value)
    ]


def each_of(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def size(known: int | None) -> int:
    return UNKNOWN if known is None else known


def phrase_of(status_code: int | None) -> str:
    try:
        return HTTPStatus(status_code or 0).phrase
    except ValueError:
        return ""


class Har:
    name = "har"
    content_type = "application/json"
    with_payloads = True
    between = ",\n"
    end = "\n]}}\n"

    @property
    def beginning(self) -> str:
        version = settings.SPECTACULAR_SETTINGS["VERSION"]
        creator = encode({"name": "API Monitor", "version": version}).decode()
        return f'{{"log":{{"version":"1.2","creator":{creator},"entries":[\n'

    def write(self, exported: Exported, *, bodies: bool) -> str:
        return encode(entry_of(exported, bodies=bodies)).decode()
