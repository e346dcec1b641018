"""A log as a line for a POSIX shell that sends it again. Pure.

What others sent stands in that line, so nothing in it may act: no substitution, no line end outside of
quotes, no control character that a terminal would obey, no `@file` that curl would read.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote, urljoin

from monitor.lib.masking import contains_mask
from monitor.search.detail import LogDetail

# curl makes these itself, and wrong ones would break the request.
MADE_BY_CURL = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer"}
)
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Besides line ends, which quotes keep: what a terminal would take for a key that was pressed.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
NO_HOST = "http://HOST"


def as_curl(detail: LogDetail) -> str:
    """The command. Masked values stay masked in it, a cut body stays cut, a dropped one is missing."""
    body = detail.request_body
    binary = body is not None and CONTROL.search(body) is not None
    command = " \\\n  ".join(arguments(detail, body_from_stdin=binary))
    return f"printf -- {quoted(printf_format(body or ''))} | {command}" if binary else command


def notes_on(detail: LogDetail, command: str) -> list[str]:
    """What a reader has to know before sending the command, in sentences."""
    notes = []
    if contains_mask(command):
        notes.append("Masked values stand in it as ***MASKED***: put your own in their place.")
    if detail.request_truncated:
        notes.append("The body was cut when it was kept: the command sends what is left of it.")
    if detail.request_body_dropped:
        notes.append("The body was not kept: the command sends none.")
    if f"{NO_HOST}/" in command:
        notes.append("The log names no host: put yours in the place of HOST.")
    return notes


def arguments(detail: LogDetail, *, body_from_stdin: bool) -> Iterator[str]:
    method = str(detail.log.method)
    # Brackets in a URL would be a pattern to curl, and ../ would be resolved before it is sent.
    yield f"curl --globoff --path-as-is {quoted(url_of(detail))}"
    if method == "HEAD":
        yield "--head"
    elif method != "GET" or detail.request_body is not None:
        yield f"-X {quoted(method)}"
    names: set[str] = set()
    for name, value in header_lines(detail):
        names.add(name.lower())
        yield f"-H {quoted(f'{name}: {value}' if value else f'{name};')}"
    if "accept-encoding" in names:
        yield "--compressed"
    if detail.request_body is None:
        return
    if "content-type" not in names:
        # curl would call any body a form.
        yield "-H 'Content-Type:'"
    # --data would read a file for a body that begins with @.
    yield "--data-binary @-" if body_from_stdin else f"--data-raw {quoted(detail.request_body)}"


def url_of(detail: LogDetail) -> str:
    """The URL, on the service's base where the log names no host; what a URL may not hold is escaped."""
    url = quote(detail.log.url, safe=URL_CHARACTERS)
    if "://" in url:
        return url
    return urljoin(detail.log.service.base_url or NO_HOST, url)


def header_lines(detail: LogDetail) -> Iterator[tuple[str, str]]:
    for name, value in (detail.request_headers or {}).items():
        if name.lower() in MADE_BY_CURL or not TOKEN.fullmatch(name):
            continue
        for line in value if isinstance(value, list) else [value]:
            # A line end would begin a header of its own.
            yield name, " ".join(CONTROL.sub(" ", line).split("\n")).strip()


def quoted(text: str) -> str:
    """One word for any POSIX shell, always in quotes: within single ones only the quote itself is special."""
    return "'" + text.replace("'", "'\\''") + "'"


def printf_format(text: str) -> str:
    """A format for printf(1) that prints the text in UTF-8; arguments cannot hold a NUL, escapes can."""
    escaped = text.replace("\\", "\\\\").replace("%", "%%")
    return CONTROL.sub(lambda control: "".join(f"\\{byte:03o}" for byte in control[0].encode()), escaped)
