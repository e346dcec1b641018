"""From a curl command to the request that it would send. Pure, for a documented part of its options.

What is not understood is refused by its name: leaving an option out silently would send another request.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from monitor.curl import multipart
from monitor.curl.words import NotUnderstood, words_of
from monitor.replay.prepare import MADE_AFRESH, URL_CHARACTERS

MAX_COMMAND_CHARS = 512 * 1024

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
NO_FILES = "reads a file, which is not here: put its content into the command"
SHORT = {
    "X": "--request", "H": "--header", "d": "--data", "G": "--get", "u": "--user", "b": "--cookie",
    "A": "--user-agent", "e": "--referer", "I": "--head", "F": "--form", "k": "--insecure", "L": "--location",
    "s": "--silent", "S": "--show-error", "v": "--verbose", "i": "--include", "f": "--fail",
    "N": "--no-buffer", "#": "--progress-bar", "g": "--globoff", "o": "--output", "O": "--remote-name",
    "w": "--write-out", "m": "--max-time", "4": "--ipv4", "6": "--ipv6", "0": "--http1.0",
}  # fmt: skip
SAME = {"--data-ascii": "--data"}
# They say how curl shows the answer or speaks to the server, and change nothing of the request.
IGNORED = frozenset(
    {"--silent", "--show-error", "--verbose", "--include", "--fail", "--fail-with-body", "--no-buffer"}
    | {"--progress-bar", "--no-progress-meter", "--globoff", "--path-as-is", "--compressed", "--remote-name"}
    | {"--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge", "--ipv4", "--ipv6", "--tr-encoding"}
)
IGNORED_WITH_VALUE = frozenset(
    {"--output", "--write-out", "--max-time", "--connect-timeout", "--retry", "--retry-delay"}
    | {"--keepalive-time", "--stderr", "--trace", "--trace-ascii"}
)
NOTED = {
    "--insecure": "--insecure is ignored: certificates are always checked.",
    "--location": "--location is ignored: a redirect is shown as the answer, and not followed.",
}
REFUSED = {
    "--next": "only one request is sent at a time",
}


@dataclass(frozen=True, kw_only=True)
class CurlRequest:
    """What would be sent. `notes` say, in sentences, what of the command was left aside."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: str | None
    notes: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"<CurlRequest {self.method}>"


@dataclass
class _Said:
    """What the options of a command add up to."""

    urls: list[str] = field(default_factory=list)
    method: str | None = None
    headers: list[tuple[str, str | None]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    parts: list[multipart.Part] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    # Headers that options make, which -H takes the place of.
    made: dict[str, str] = field(default_factory=dict)
    as_query: bool = False
    head_only: bool = False
    notes: list[str] = field(default_factory=list)


def read_command(text: str) -> CurlRequest:
    """The request of one curl command. Raises NotUnderstood, with the option."""
    if len(text) > MAX_COMMAND_CHARS:
        raise NotUnderstood("The command is longer than 512 KiB.")
    words = words_of(text.strip())
    if words[:1] == ["$"]:
        words = words[1:]  # copied with its prompt
    if not words or words[0].rpartition("/")[2] != "curl":
        raise NotUnderstood("This is no curl command: it begins with another word.")
    said = _Said()
    for name, value in options_of(words[1:]):
        take(said, name, value)
    return request_of(said)


def options_of(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a long name and a value; addresses have the name --url. Raises NotUnderstood."""
    waiting = iter(words)
    only_addresses = False
    for word in waiting:
        if only_addresses or not word.startswith("-") or word == "-":
            yield "--url", word
        elif word == "--":
            only_addresses = True
        elif word.startswith("--"):
            name = SAME.get(word, word)
            yield name, value_of(name, waiting) if takes_value(name) else ""
        else:
            yield from short_options(word, waiting)


def short_options(word: str, waiting: Iterator[str]) -> Iterator[tuple[str, str]]:
    """`-sSL` is three options, `-XPOST` one with its value."""
    for place, letter in enumerate(word[1:], start=1):
        if letter not in SHORT:
            raise NotUnderstood(f"The option -{letter} is not understood here.")
        name = SHORT[letter]
        if takes_value(name):
            rest = word[place + 1 :]
            yield name, rest or value_of(f"-{letter}", waiting)
            return
        yield name, ""


def takes_value(name: str) -> bool:
    if name in TAKERS or name in IGNORED_WITH_VALUE:
        return True
    if name in IGNORED or name in NOTED or name in SWITCHES or name in REFUSED:
        return False
    raise NotUnderstood(f"The option {name.partition('=')[0][:64]} is not understood here.")


def value_of(name: str, waiting: Iterator[str]) -> str:
    try:
        return next(waiting)
    except StopIteration:
        raise NotUnderstood(f"The option {name} has no value.") from None


def take(said: _Said, name: str, value: str) -> None:
    if name in REFUSED:
        raise NotUnderstood(f"{name}: {REFUSED[name]}.")
    if name in NOTED:
        said.notes.append(NOTED[name])
    elif name in SWITCHES:
        setattr(said, SWITCHES[name], True)
    elif name in TAKERS:
        TAKERS[name](said, value)


# --- What each option with a value does ---------------------------------------------------------------------


def no_file(name: str, value: str) -> str:
    """Raises NotUnderstood for a value that names a file."""
    if value.startswith("@"):
        raise NotUnderstood(f"{name} {NO_FILES}.")
    return value


def take_method(said: _Said, value: str) -> None:
    said.method = value


def take_header(said: _Said, value: str) -> None:
    """`Name: value`; `Name:` takes a header away, and `Name;` sends an empty one."""
    name, colon, content = no_file("--header", value).partition(":")
    if colon:
        said.headers.append((name.strip(), content.strip() or None))
    elif name.strip().endswith(";"):
        said.headers.append((name.strip()[:-1], ""))
    else:
        raise NotUnderstood("--header needs a name, a colon and a value.")


def take_data(said: _Said, value: str) -> None:
    said.data.append(no_file("--data", value))


def take_binary(said: _Said, value: str) -> None:
    said.data.append(no_file("--data-binary", value))


def take_raw(said: _Said, value: str) -> None:
    said.data.append(value)


def take_urlencoded(said: _Said, value: str) -> None:
    """`content`, `=content` or `name=content`; `@file` and `name@file` are refused."""
    name, equals, content = value.partition("=")
    if "@" in name or (not equals and "@" in value):
        raise NotUnderstood(f"--data-urlencode {NO_FILES}.")
    encoded = quote_plus(content if equals else value, safe="")
    said.data.append(f"{name}={encoded}" if equals and name else encoded)


def take_json(said: _Said, value: str) -> None:
    said.json.append(no_file("--json", value))


def take_form(said: _Said, value: str) -> None:
    part = multipart.read_field(value)
    if part.left_out:
        said.notes.append("What follows a semicolon in --form is left out, as curl does: quote the value.")
    said.parts.append(part)


def take_form_string(said: _Said, value: str) -> None:
    said.parts.append(multipart.read_string(value))


def take_user(said: _Said, value: str) -> None:
    if ":" not in value:
        raise NotUnderstood("--user needs a name, a colon and a password: nobody can be asked for it here.")
    said.made["Authorization"] = f"Basic {base64.b64encode(value.encode()).decode()}"


def take_bearer(said: _Said, value: str) -> None:
    said.made["Authorization"] = f"Bearer {value}"


def take_cookie(said: _Said, value: str) -> None:
    if "=" not in value:
        raise NotUnderstood(f"--cookie {NO_FILES}.")
    said.cookies.append(value)


def take_agent(said: _Said, value: str) -> None:
    said.made["User-Agent"] = value


def take_referer(said: _Said, value: str) -> None:
    said.made["Referer"] = value.removesuffix(";auto")


def take_url(said: _Said, value: str) -> None:
    said.urls.append(value)


TAKERS: Mapping[str, Callable[[_Said, str], None]] = {
    "--request": take_method,
    "--header": take_header,
    "--data": take_data,
    "--data-binary": take_binary,
    "--data-raw": take_raw,
    "--data-urlencode": take_urlencoded,
    "--json": take_json,
    "--form": take_form,
    "--form-string": take_form_string,
    "--user": take_user,
    "--oauth2-bearer": take_bearer,
    "--cookie": take_cookie,
    "--user-agent": take_agent,
    "--referer": take_referer,
    "--url": take_url,
}
SWITCHES = {"--get": "as_query", "--head": "head_only"}


# --- The request -------------------------------------------------------------------------------------------


def request_of(said: _Said) -> CurlRequest:
    if len(said.urls) != 1:
        raise NotUnderstood(
            "The command has no address." if not said.urls else "Only one address is sent to."
        )
    check_together(said)
    boundary = multipart.boundary_for(said.parts) if said.parts else None
    body = body_of(said, boundary)
    url = address_of(said.urls[0])
    if said.as_query and body is not None:
        url, body = f"{url}{'&' if '?' in url else '?'}{quote(body, safe=URL_CHARACTERS)}", None
    headers, dropped = headers_of(said, has_body=body is not None, boundary=boundary)
    if dropped:
        said.notes.append(f"Made afresh for each call, and so left out: {', '.join(dropped)}.")
    return CurlRequest(
        method=(said.method or default_method(said, body)).upper(),
        url=url,
        headers=headers,
        body=body,
        notes=tuple(dict.fromkeys(said.notes)),
    )


def check_together(said: _Said) -> None:
    """Raises NotUnderstood where two options want to say what the body is."""
    if said.data and said.json:
        raise NotUnderstood("--json and --data do not go together.")
    if not said.parts:
        return
    others = {"--data": said.data, "--json": said.json, "--get": said.as_query, "--head": said.head_only}
    for name, is_said in others.items():
        if is_said:
            raise NotUnderstood(f"--form and {name} do not go together.")


def body_of(said: _Said, boundary: str | None) -> str | None:
    if boundary is not None:
        return multipart.body_of(said.parts, boundary)
    if said.json:
        return "".join(said.json)
    return "&".join(said.data) if said.data else None


def default_method(said: _Said, body: str | None) -> str:
    if said.head_only:
        return "HEAD"
    return "GET" if body is None else "POST"


def address_of(url: str) -> str:
    """The address as curl takes it: http where no scheme is named, without its fragment."""
    whole = url if "://" in url else f"http://{url}"
    return quote(whole.partition("#")[0], safe=URL_CHARACTERS)


def headers_of(
    said: _Said, *, has_body: bool, boundary: str | None
) -> tuple[list[tuple[str, str]], list[str]]:
    """The headers to send, and the names of those that are not the caller's to say."""
    made = {"Accept": "*/*"}
    if has_body:
        made["Content-Type"] = "application/json" if said.json else MULTIPART if boundary else FORM
    if said.json:
        made["Accept"] = "application/json"
    made |= said.made
    if said.cookies:
        made["Cookie"] = ";".join(said.cookies)
    given = {name.lower() for name, _ in said.headers}
    kept = [(name, value) for name, value in made.items() if name.lower() not in given]
    kept += [(name, value) for name, value in said.headers if value is not None]
    if boundary is not None:
        # Also to a type that was given by -H, as it is in commands that a browser copied.
        kept = [
            (name, f"{value}; boundary={boundary}" if name.lower() == "content-type" else value)
            for name, value in kept
        ]
    dropped = [name for name, _ in kept if name.lower() in MADE_AFRESH]
    return [(name, value) for name, value in kept if name.lower() not in MADE_AFRESH], dropped
