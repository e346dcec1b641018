"""Forms in parts, as `-F` and `--form-string` of curl say them. Pure.

Source: curl's own reader of `-F` (tool_formparse.c of curl 8) and RFC 7578; tests hold both against curl.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.curl.words import NotUnderstood

# A type and what may follow it, `; charset=utf-8`, up to the next word that curl knows.
TYPE = re.compile(r"type=\s*([^/\s;]+/[^;\s]+)", re.IGNORECASE)
FOR_FILES = ("filename=", "headers=", "encoder=")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One field. `left_out` says that something after a semicolon was nothing that curl knows."""

    name: str
    content: str
    type: str | None = None
    left_out: bool = False

    def __repr__(self) -> str:
        return f"<Part {self.name}>"


def read_string(value: str) -> Part:
    """`name=content` of --form-string: nothing in the content means anything but itself."""
    name, equals, content = value.partition("=")
    if not equals:
        raise NotUnderstood("--form-string needs a name, = and a value.")
    return Part(name=name, content=content)


def read_field(value: str) -> Part:
    """`name=content;type=text/plain` of --form. Raises NotUnderstood for files and for parts within parts."""
    name, equals, content = value.partition("=")
    if not equals:
        raise NotUnderstood("--form needs a name, = and a value.")
    if content.startswith(("@", "<")):
        raise NotUnderstood(
            "--form reads a file, which is not here: put its content in the place of @ or <, or use"
            " --form-string where the value begins with that sign."
        )
    if content.startswith("(") or (not name and content == ")"):
        raise NotUnderstood("--form: parts within parts are not sent from here.")
    text, rest = word(content.lstrip())
    type_, left_out = parameters(rest)
    return Part(name=name, content=text, type=type_, left_out=left_out)


def word(text: str) -> tuple[str, str]:
    """The text up to a semicolon, and what follows from there on; in quotes it may hold semicolons."""
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"([^;]*)', text, re.DOTALL)
    if quoted:
        return re.sub(r'\\([\\"])', r"\1", quoted[1]), text[quoted.end() :]
    plain = text.partition(";")[0]
    return plain.rstrip(), text[len(plain) :]


def parameters(rest: str) -> tuple[str | None, bool]:
    """The content type among `;type=…;charset=…`, and whether something else stood there."""
    found: str | None = None
    left_out = False
    for each in rest.split(";")[1:]:
        parameter = each.strip()
        typed = TYPE.match(parameter)
        if found is None and parameter.lower().startswith("type="):
            if typed is None:
                raise NotUnderstood("--form: ;type= needs a content type, as text/plain.")
            found = parameter[len("type=") :].strip()
        elif parameter.lower().startswith(FOR_FILES):
            raise NotUnderstood(f"--form: ;{parameter.partition('=')[0]}= is not understood here.")
        elif found is not None:
            found += f";{each.rstrip()}"
        elif parameter:
            left_out = True
    return found, left_out


def boundary_for(parts: Sequence[Part]) -> str:
    """Made of what it stands between, so that a command is the same request whenever it is read."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr((part.name, part.content, part.type)).encode())
    return f"------------------------{digest.hexdigest()[:22]}"


def body_of(parts: Sequence[Part], boundary: str) -> str:
    pieces = [f"--{boundary}\r\n{headers_of(part)}\r\n\r\n{part.content}\r\n" for part in parts]
    return f"{''.join(pieces)}--{boundary}--\r\n"


def headers_of(part: Part) -> str:
    name = part.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    disposition = (
        f'Content-Disposition: form-data; name="{name}"' if name else "Content-Disposition: form-data"
    )
    return f"{disposition}\r\nContent-Type: {one_line(part.type)}" if part.type else disposition


def one_line(text: str) -> str:
    """A line end would begin a header of its own."""
    return " ".join(text.split())
