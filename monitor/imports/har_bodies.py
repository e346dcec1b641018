"""The bodies in a HAR entry: text, base64, or the fields of a form."""

import base64
import binascii
import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from monitor.lib.kept_text import content_type

MAX_SIZE = 2**31 - 1
BOUNDARY = "form"
NO_CHARACTER_SETS = frozenset({"undefined", "punycode", "idna", "unicode-escape", "raw-unicode-escape"})


@dataclass(frozen=True, kw_only=True)
class Body:
    """`note` says in a word why there is no text although there was a body."""

    text: str | None = None
    size_bytes: int | None = None
    note: str = ""


def body_of_request(request: Mapping[str, Any], headers: Mapping[str, str | list[str]] | None) -> Body:
    post = request.get("postData")
    size = known_size(request.get("bodySize"))
    if not isinstance(post, dict):
        return Body(size_bytes=size)
    kind = str(post.get("mimeType") or content_type(headers or {}) or "")
    written = post.get("text")
    # Writers that leave the text out give the fields; those that give both have empty ones as a rule.
    if not written and isinstance(post.get("params"), list) and post["params"]:
        written = form_text([field for field in post["params"] if isinstance(field, dict)], kind)
    return read(written, encoding=post.get("encoding"), kind=kind, size=size)


def body_of_answer(answer: Mapping[str, Any]) -> Body:
    content = answer.get("content")
    content = content if isinstance(content, dict) else {}
    # `content.size` is that of the body as it is read, `bodySize` that on the wire, compressed.
    size = known_size(content.get("size"))
    size = known_size(answer.get("bodySize")) if size is None else size
    kind = str(content.get("mimeType") or "")
    # mitmproxy's `content.size` is that on the wire, and `compression` what the body gained by being opened.
    opened = None if size is None else size + (known_size(content.get("compression")) or 0)
    return read(content.get("text"), encoding=content.get("encoding"), kind=kind, size=size, opened=opened)


def known_size(value: object) -> int | None:
    """A size in bytes: files write -1 where they know none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MAX_SIZE:
        return None
    return int(value)


def read(
    written: object, *, encoding: object, kind: str, size: int | None, opened: int | None = None
) -> Body:
    if not isinstance(written, str):
        return Body(size_bytes=size)
    if encoding == "base64":
        return decoded(written, kind, size)
    written = undone(written, kind, size if opened is None else opened)
    if len(written) > settings.MAX_LOG_BYTES:
        return Body(size_bytes=len(written.encode(errors="replace")), note="too large")
    return Body(text=written, size_bytes=len(written.encode(errors="replace")))


def undone(written: str, kind: str, size: int | None) -> str:
    """The text behind one that has a character for each byte.

    mitmproxy reads so what names no character set, forms with files above all. The size in bytes gives it
    away: a text of that many characters that is not ASCII was never read as UTF-8.
    """
    if len(written) != size or written.isascii() or named_charset(kind):
        return written
    try:
        # Between the parts of a form stand files, which are no text in any character set.
        return written.encode("latin-1").decode(
            errors="replace" if "multipart/" in kind.lower() else "strict"
        )
    except UnicodeError:
        return written


def decoded(written: str, kind: str, size: int | None) -> Body:
    """The text behind the base64; what is no text in its own character set is only named."""
    if len(written) > settings.MAX_LOG_BYTES * 4 // 3 + 4:
        return Body(size_bytes=size if size is not None else len(written) * 3 // 4, note="too large")
    try:
        data = base64.b64decode(written, validate=False)
    except (binascii.Error, ValueError):
        return Body(size_bytes=size, note="damaged")
    try:
        return Body(text=data.decode(charset_of(kind)), size_bytes=len(data))
    except UnicodeError:
        return Body(size_bytes=len(data), note="binary")


def charset_of(kind: str) -> str:
    """The character set that a media type names, where Python knows it; else UTF-8."""
    named = named_charset(kind) or "utf-8"
    try:
        codec = codecs.lookup(named)
    except (LookupError, ValueError):
        return "utf-8"
    # Codecs such as `hex` and `zip` are no character sets, nor are those of names and of Python's own text.
    is_one = codec._is_text_encoding and codec.name.replace("_", "-") not in NO_CHARACTER_SETS
    return named if is_one else "utf-8"


def named_charset(kind: str) -> str | None:
    header = Message()
    header["Content-Type"] = " ".join(kind.split())
    return header.get_content_charset()


def form_text(fields: list[dict[str, Any]], kind: str) -> str:
    """The fields as they were sent, as far as the file tells; files that went along are named alone."""
    if "multipart/" not in kind.lower():
        pairs = [(str(field.get("name") or ""), str(field.get("value") or "")) for field in fields]
        return urlencode(pairs, errors="replace")
    header = Message()
    header["Content-Type"] = " ".join(kind.split())
    boundary = header.get_param("boundary")
    mark = boundary if isinstance(boundary, str) and boundary else BOUNDARY
    return "".join(map(form_part, [mark] * len(fields), fields)) + f"--{mark}--\r\n"


def form_part(mark: str, field: Mapping[str, Any]) -> str:
    lines = [f'--{mark}\r\nContent-Disposition: form-data; name="{quoted(field.get("name"))}"']
    if field.get("fileName"):
        lines.append(f'; filename="{quoted(field["fileName"])}"')
    if field.get("contentType"):
        lines.append(f"\r\nContent-Type: {' '.join(str(field['contentType']).split())}")
    return "".join([*lines, f"\r\n\r\n{field.get('value') or ''}\r\n"])


def quoted(name: object) -> str:
    """As browsers write names in a form: https://html.spec.whatwg.org/#multipart-form-data."""
    return str(name or "").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
