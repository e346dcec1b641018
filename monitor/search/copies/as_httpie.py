"""For HTTPie 3 in a POSIX shell: https://httpie.io/docs/cli. Pure."""

import re
from collections.abc import Iterator

from monitor.search.curl import CONTROL, header_lines, printf_format, quoted, url_of
from monitor.search.detail import LogDetail

# HTTPie takes any other first word for an address.
METHOD = re.compile(r"[A-Za-z]+")
# These separate names from values in an item, and a backslash takes that away from them.
SEPARATOR = re.compile(r"[:=@;]")
BACKSLASHED = re.compile(r"\\[:=@;]")


def write(detail: LogDetail) -> str:
    body = detail.request_body
    binary = body is not None and CONTROL.search(body) is not None
    command = " \\\n  ".join(words(detail, body_from_stdin=binary))
    return f"printf -- {quoted(printf_format(body or ''))} | {command}" if binary else command


def words(detail: LogDetail, *, body_from_stdin: bool) -> Iterator[str]:
    body = detail.request_body
    stdin = "" if body_from_stdin else " --ignore-stdin"
    # Without --raw and without items nothing is sent; with it, HTTPie would call any body JSON.
    raw = f" --raw {quoted(body)}" if body is not None and not body_from_stdin else ""
    yield f"http{stdin} --path-as-is{raw} {detail.log.method} {quoted(url_of(detail))}"
    names: set[str] = set()
    for name, value in header_lines(detail):
        if name.startswith("-"):
            continue  # it would be an option
        names.add(name.lower())
        yield quoted(f"{name}:{escaped(value)}" if value else f"{name};")
    if body is not None:
        yield from (f"{quoted(f'{name}:')}" for name in unasked(names))


def escaped(value: str) -> str:
    """The value of a header item: one that begins with a separator would make another kind of item of it."""
    return f"\\{value}" if SEPARATOR.match(value) else value


def unasked(names: set[str]) -> Iterator[str]:
    """Headers that HTTPie would add because there is a body: an empty item takes them away."""
    yield from (name for name in ("Accept", "Content-Type") if name.lower() not in names)


def notes(detail: LogDetail) -> list[str]:
    found = []
    if not METHOD.fullmatch(str(detail.log.method)):
        found.append(f"HTTPie cannot send the method {detail.log.method}: use cURL.")
    if any(BACKSLASHED.search(value) for _, value in header_lines(detail)):
        found.append("A header has a backslash before one of : = @ ; and HTTPie drops it: use cURL.")
    return found
