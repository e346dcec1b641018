"""HAR entries as different programs write them, reduced to what matters and with the moments of today."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone


def a_moment(minutes: float = 5) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def chrome_entry(moment: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """A fetch over HTTP/2 in Chrome's "Save all as HAR with content"."""
    begun = (moment or a_moment()).astimezone(UTC)
    return {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "connection": "443",
        "pageref": "page_1",
        "request": {
            "method": "POST",
            "url": "https://shop.example/api/orders?token=abc123&page=2&page=3",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": ":authority", "value": "shop.example"},
                {"name": ":method", "value": "POST"},
                {"name": "authorization", "value": "Bearer very-secret"},
                {"name": "content-type", "value": "application/json"},
                {"name": "cookie", "value": "a=1"},
                {"name": "traceparent", "value": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
            ],
            "queryString": [{"name": "page", "value": "2"}],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 33,
            "postData": {"mimeType": "application/json", "text": '{"password":"hunter2","name":"Zoë"}'},
        },
        "response": {
            "status": 201,
            "statusText": "",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": "content-type", "value": "application/json"},
                {"name": "set-cookie", "value": "sid=1"},
                {"name": "Set-Cookie", "value": "theme=dark"},
            ],
            "cookies": [],
            "content": {"size": 13, "mimeType": "application/json", "text": '{"id": "o-17"}'},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": 345,
            "_error": None,
        },
        "serverIPAddress": "192.0.2.7",
        "startedDateTime": begun.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": 41.27100000187056,
        "timings": {
            "blocked": 3.2,
            "dns": -1,
            "ssl": -1,
            "connect": -1,
            "send": 0.4,
            "wait": 36,
            "receive": 1.6,
        },
        **changes,
    }


def mitmproxy_entry(moment: datetime | None = None, **answer: Any) -> dict[str, Any]:
    """An image through mitmproxy's `save.har`: a binary body in base64."""
    return {
        "startedDateTime": (moment or a_moment(6)).astimezone(UTC).isoformat(),
        "time": 88,
        "request": {
            "method": "GET",
            "url": "http://shop.example/logo.png",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Accept", "value": "image/*"}],
            "queryString": [],
            "headersSize": 33,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Content-Type", "value": "image/png"}],
            "content": {
                "size": 6,
                "compression": 0,
                "mimeType": "image/png",
                "text": base64.b64encode(b"\x89PNG\r\n").decode(),
                "encoding": "base64",
            },
            "redirectURL": "",
            "headersSize": 30,
            "bodySize": 6,
            **answer,
        },
        "cache": {},
        "timings": {"connect": -1, "ssl": -1, "send": 1, "receive": 2, "wait": 85},
        "serverIPAddress": "127.0.0.1",
    }


def websocket_entry() -> dict[str, Any]:
    messages = [{"type": "send", "time": 1, "opcode": 1, "data": "secret talk"}] * 12
    entry = chrome_entry(_resourceType="websocket", _webSocketMessages=messages)
    entry["request"] |= {"method": "GET", "url": "wss://shop.example/live", "bodySize": 0}
    del entry["request"]["postData"]
    entry["response"] |= {"status": 101, "content": {"size": 0, "mimeType": "x-unknown"}}
    return entry


def bare_entry() -> dict[str, Any]:
    """As little as a HAR can say: no answer, no headers, -1 for all that is not known."""
    return {
        "startedDateTime": a_moment(7).astimezone(UTC).isoformat(),
        "time": -1,
        "request": {"method": "GET", "url": "https://shop.example", "headersSize": -1, "bodySize": -1},
        "response": {"status": 0, "content": {"size": -1}, "bodySize": -1, "_error": "net::ERR_ABORTED"},
        "timings": {"send": -1, "wait": -1, "receive": -1},
    }


def har(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {}, "pages": [], "entries": entries}}).encode()
