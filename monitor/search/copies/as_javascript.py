"""For JavaScript: fetch, in browsers and in Node 18 or newer. Pure."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from monitor.search.curl import header_lines, url_of
from monitor.search.detail import LogDetail

# https://fetch.spec.whatwg.org/: with these a body is refused.
WITHOUT_BODY = frozenset({"GET", "HEAD"})
FORBIDDEN = frozenset({"CONNECT", "TRACE", "TRACK"})


def write(detail: LogDetail) -> str:
    options = "".join(f"  {each},\n" for each in options_of(detail))
    return (
        f"const response = await fetch({literal(url_of(detail))}, {{\n{options}}});\n"
        "console.log(response.status, await response.text());\n"
    )


def options_of(detail: LogDetail) -> Iterator[str]:
    method = str(detail.log.method)
    yield f"method: {literal(method)}"
    # A redirect is an answer to look at, as it was when it was logged.
    yield 'redirect: "manual"'
    lines = list(header_lines(detail))
    pairs = "".join(f"    [{literal(name)}, {literal(as_bytes(value))}],\n" for name, value in lines)
    if pairs:
        yield f"headers: [\n{pairs}  ]"
    body = detail.request_body
    if body is None or method in WITHOUT_BODY:
        return
    has_type = any(name.lower() == "content-type" for name, _ in lines)
    # fetch would call a text text/plain; bytes have no type.
    yield f"body: {literal(body)}" if has_type else f"body: new TextEncoder().encode({literal(body)})"


def as_bytes(value: str) -> str:
    """A header's value with a character for each of its bytes, which is how fetch takes them."""
    return value.encode().decode("latin-1")


def literal(text: str) -> str:
    """A text in double quotes; whatever does not print is escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in written
    )


def notes(detail: LogDetail) -> list[str]:
    method = str(detail.log.method)
    found = []
    if method in FORBIDDEN:
        found.append(f"fetch cannot send the method {method}: use cURL.")
    if method in WITHOUT_BODY and detail.request_body is not None:
        found.append(f"fetch sends no body with {method}: use cURL.")
    if {".", ".."} & set(urlsplit(url_of(detail)).path.split("/")):
        found.append("fetch resolves the dots in the path: use cURL.")
    return found
