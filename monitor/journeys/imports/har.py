"""The requests of a HAR file, as browsers and proxies write it: pages and calls alone."""

from collections.abc import Mapping
from typing import Any

from monitor.imports.har import entries_of, plain
from monitor.imports.har_bodies import body_of_request
from monitor.ingest.decode import Undecodable
from monitor.journeys.imports.bringing import BadImport, Imported
from monitor.journeys.imports.requests import add_request

_LEFT_OUT = frozenset(
    {"image", "stylesheet", "font", "script", "media", "manifest", "other", "ping", "websocket"}
)
_ASSETS = ("image/", "font/", "text/css", "text/javascript", "application/javascript", "video/", "audio/")


def read_har(data: bytes) -> Imported:
    """A step for each page and call. Raises BadImport."""
    try:
        entries = [plain(entry) for entry in entries_of(data)]
    except Undecodable as error:
        raise BadImport(str(error)) from None
    brought = Imported(name="Recorded")
    left_out = 0
    for entry in entries:
        if _is_asset(entry):
            left_out += 1
        else:
            _take(entry, brought)
    if left_out:
        brought.note("note", "file", f"{left_out} pictures, styles, scripts and the like are left out.")
    if not brought.steps:
        raise BadImport("The file holds no page or call that can be sent.")
    return brought


def _is_asset(entry: Mapping[str, Any]) -> bool:
    kind = str(entry.get("_resourceType") or "").lower()
    answer = entry.get("response") if isinstance(entry.get("response"), Mapping) else {}
    content = answer.get("content") if isinstance(answer, Mapping) else {}
    media_type = str(content.get("mimeType") or "") if isinstance(content, Mapping) else ""
    return kind in _LEFT_OUT or media_type.lower().startswith(_ASSETS)


def _take(entry: Mapping[str, Any], brought: Imported) -> None:
    request, answer = entry.get("request"), entry.get("response")
    if not isinstance(request, Mapping) or not str(request.get("url") or "").startswith(
        ("http://", "https://")
    ):
        brought.note("unsupported", "file", "left out: an entry without a request to http or https.")
        return
    listed = request.get("headers")
    pairs = [
        (str(each.get("name") or ""), str(each.get("value") or ""))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping)
    ]
    status = answer.get("status") if isinstance(answer, Mapping) else None
    try:
        body = body_of_request(request, dict(pairs)).text or ""
    except Undecodable as error:
        brought.note("unsupported", str(request["url"])[:60], f"the body cannot be read: {error}")
        body = ""
    add_request(
        brought,
        method=str(request.get("method") or "GET"),
        url=str(request["url"]),
        headers=pairs,
        body=body,
        # 0 is how browsers write that no answer came.
        status=status if isinstance(status, int) and 100 <= status <= 599 else None,
    )
