"""A step out of one request as it was sent: the common ground of HAR, cURL and logs."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from monitor.journeys.imports.bringing import MOST_BODY, Imported, body_type_of, kept_headers
from monitor.probing.kinds.http import METHODS

# What browsers add for themselves; with conditions an answer would be 304.
_BROWSERS_OWN = ("sec-", "if-none-match", "if-modified-since", "priority", "dnt", "pragma")


def add_request(
    brought: Imported,
    *,
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: str,
    status: int | None,
    keep_cookies: bool = False,
) -> None:
    """The request as a step that expects the status it had. Cookies are the jar's, unless they are kept."""
    method = method.upper()
    name = brought.unique(f"{method} {urlsplit(url).path or '/'}")
    if method not in METHODS:
        brought.note("unsupported", name, f"left out: the method {method[:20]} cannot be sent.")
        return
    if len(body) > MOST_BODY:
        brought.note("unsupported", name, "the body is longer than 64 KiB: it is sent empty.")
        body = ""
    pairs = [
        [header, value]
        for header, value in kept_headers(headers)
        if not header.lower().startswith(_BROWSERS_OWN) and (keep_cookies or header.lower() != "cookie")
    ]
    step: dict[str, Any] = {
        "name": name,
        "method": method,
        "url": url.partition("#")[0],
        "headers": pairs,
        "body": body,
        "body_type": body_type_of(pairs, body),
    }
    if status is not None and status < 500:
        step["assertions"] = [{"source": "status", "comparison": "==", "target": status}]
        # The hops that followed are requests of their own.
        step["max_redirects"] = 0 if 300 <= status < 400 else 10
    elif status is not None:
        brought.note("note", name, f"it was answered with {status}: a status below 400 is expected now.")
    brought.add(step)
