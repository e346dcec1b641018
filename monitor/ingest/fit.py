"""Make what clients of others report fit a log item.

Our own doors refuse what is too long. A client that was not written for us cannot be asked again, so what it
sends is cut, and marked where it was.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import parse_qs

# What a log item allows.
MAX_URL, MAX_PATH, MAX_ROUTE = 8192, 2048, 2048
MAX_CONSUMER = MAX_TAG = 128
MAX_ENVIRONMENT = 64
MAX_TAGS = 32
MAX_HEADERS = 128
MAX_HEADER_CHARS = 8192 // 4  # of up to four bytes each
MAX_PARAMETERS = 1000
MAX_LATENCY_MS = 1e15
CUT = "…"
GZIP_MAGIC = b"\x1f\x8b"


def cut(text: str | None, limit: int) -> str | None:
    """At most this many characters, the last of them a mark when something is missing."""
    return text if text is None or len(text) <= limit else text[: limit - 1] + CUT


def query_params(query: str) -> dict[str, list[str]] | None:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS) or None
    except ValueError:
        # More parameters than anyone reads: the url has them all.
        return None


def headers(named: Iterable[tuple[str, list[str]]]) -> dict[str, str | list[str]] | None:
    """Headers with their values, the first so many."""
    found: dict[str, str | list[str]] = {}
    for name, values in named:
        if len(found) == MAX_HEADERS:
            break
        joined = ", ".join(values)
        if len(name) + len(joined) > MAX_HEADER_CHARS:
            found[name[:MAX_TAG]] = joined[: MAX_HEADER_CHARS - MAX_TAG - 1] + CUT
        else:
            found[name] = values if len(values) > 1 else joined
    return found or None


def tags(pairs: Iterable[tuple[str, str]]) -> list[str] | None:
    """`name=value`, where there is a value."""
    return [cut(f"{name}={value}", MAX_TAG) or "" for name, value in pairs if value][:MAX_TAGS] or None


def error_text(*, type: str, message: str, stack: str, limit: int) -> str | None:
    """An exception as one text: what it is, then where it was."""
    head = ": ".join(part for part in (type, message) if part)
    # JavaScript's stacks begin with the message, Python's end with it.
    lines = [stack] if stack.startswith(head) else [head, stack]
    return "\n".join(line for line in lines if line)[:limit] or None


def first_forwarded(headers: Mapping[str, str | list[str]] | None) -> str:
    """Who asked the outermost proxy, by what that says."""
    forwarded = (headers or {}).get("x-forwarded-for", "")
    first = forwarded if isinstance(forwarded, str) else forwarded[0]
    return first.split(",")[0].strip()


def address_in(words: str) -> str | None:
    """The IP address that these words are, without the spelling of IPv4 within IPv6; None for others."""
    try:
        return str(ip_address(words.strip().removeprefix("::ffff:")))
    except ValueError:
        return None
