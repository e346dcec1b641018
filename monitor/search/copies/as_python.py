"""For Python with httpx: https://www.python-httpx.org/. Pure."""

from collections.abc import Iterator
from textwrap import indent
from urllib.parse import urlsplit

from monitor.search.curl import header_lines, url_of
from monitor.search.detail import LogDetail


def write(detail: LogDetail) -> str:
    arguments = "".join(f"    {each},\n" for each in arguments_of(detail))
    if dotted_target(url_of(detail)):
        # Only a client of one's own takes extensions.
        call = indent(f"response = client.request(\n{arguments})", "    ")
        call = f"with httpx.Client() as client:\n{call}"
    else:
        call = f"response = httpx.request(\n{arguments})"
    return f"import httpx\n\n{call}\nprint(response.status_code, response.text)\n"


def arguments_of(detail: LogDetail) -> Iterator[str]:
    url = url_of(detail)
    yield repr(str(detail.log.method))
    yield repr(url)
    pairs = "".join(f"        ({literal(name)}, {literal(value)}),\n" for name, value in header_lines(detail))
    if pairs:
        yield f"headers=[\n{pairs}    ]"
    if detail.request_body is not None:
        yield f"content={detail.request_body!r}.encode()"
    if target := dotted_target(url):
        # httpx would resolve the dots before it sends.
        yield f'extensions={{"target": {target.encode()!r}}}'


def literal(text: str) -> str:
    """Headers are ASCII to httpx, or bytes."""
    return repr(text) if text.isascii() else f"{text!r}.encode()"


def dotted_target(url: str) -> str:
    """Path and query of a URL with `.` or `..` among its segments; else empty."""
    parts = urlsplit(url)
    if not {".", ".."} & set(parts.path.split("/")):
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
