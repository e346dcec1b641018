"""Route templates: `/orders/9f3c…/items/42` becomes `/orders/{id}/items/{id}`.

A template names an endpoint, so its job is to keep their number small without hiding the words that tell them
apart. A segment is an id when one of its tokens (runs of letters and digits) looks made rather than chosen.
The rules grew from Monoscope's (commit ff3b93b98), made gentler to words with a number in them.
"""

import re
from urllib.parse import unquote

MAX_ROUTE_LENGTH = 256  # characters
MAX_SEGMENTS = 16
ID = "{id}"
REST = "{rest}"

_LONGEST_LITERAL = 64  # characters; longer segments are slugs, tokens or blobs

_TOKEN = re.compile(r"[^\W_]+")
_PLACEHOLDER = re.compile(r"\{[^{}/]{1,64}\}")
_RUN = re.compile(r"\d+|\D+")
_CASE_CHANGE = re.compile(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")
_VERSION = re.compile(r"v\d{1,3}((p\d{1,2})?(alpha|beta|rc|preview|dev)\d{0,3})?")
_DOTTED_VERSION = re.compile(r"v\d{1,3}([._-]\d{1,3}){1,3}|\d\.\d")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{6,}")

# Words with more digits than the rules allow.
_LITERALS = frozenset(
    {
        "sha224", "sha256", "sha384", "sha512", "x509", "h264", "h265", "cp1252", "office365",
        "microsoft365", "d365", "dynamics365", "rfc822", "iso8601", "iso3166", "iso4217", "log4j2",
    }
)  # fmt: skip
# Whole segments whose tokens would mislead.
_LITERAL_SEGMENTS = frozenset(
    {
        "x86_64", "utf-8", "utf-16", "iso-8859-1", "sha-1", "sha-256", "sha-512", "es-419",
        "es_419", "oauth-2", "web-3", "fido-2",
    }
)  # fmt: skip


def infer_route(path: str) -> str:
    """The template of a path: ids become `{id}`, words stay as sent.

    Query, fragment, doubled and trailing slashes are dropped. At most 16 segments and 256 characters; what
    lies beyond becomes `{rest}`. Takes any text, never raises, and leaves its own output as it is.
    """
    path = path.partition("?")[0].partition("#")[0]
    segments = [segment for segment in path.split("/") if segment]
    ends_in_rest = bool(segments) and segments[-1] == REST
    if ends_in_rest:
        segments.pop()
    templated = [ID if _is_id(segment) else segment for segment in segments[:MAX_SEGMENTS]]
    route = "/" + "/".join(templated)
    if not (ends_in_rest or len(segments) > MAX_SEGMENTS or len(route) > MAX_ROUTE_LENGTH):
        return route
    while len("/".join(["", *templated, REST])) > MAX_ROUTE_LENGTH:
        templated.pop()
    return "/".join(["", *templated, REST])


def normalize_route(route: str) -> str:
    """A template given by the client, spelled as sent (`:id`, `<int:id>`, `{id}`), trimmed to 256 characters.

    Unprintable characters are dropped; an empty answer means that there was no template.
    """
    if not route.isprintable():
        route = "".join(character for character in route if character.isprintable())
    return route.strip()[:MAX_ROUTE_LENGTH].rstrip()


def _is_id(segment: str) -> bool:
    if len(segment) > _LONGEST_LITERAL or not segment.isprintable():
        return True
    if _PLACEHOLDER.fullmatch(segment):
        return False
    segment = unquote(segment)
    lowered = segment.lower()
    if not segment.isprintable() or _UUID.fullmatch(lowered):
        return True
    if lowered in _LITERAL_SEGMENTS or _DOTTED_VERSION.fullmatch(lowered):
        return False
    return bool(_EMAIL.fullmatch(segment)) or any(_is_made(token) for token in _TOKEN.findall(segment))


def _is_made(token: str) -> bool:
    """Whether a run of letters and digits was made by a machine rather than chosen by a person."""
    lowered = token.lower()
    if lowered in _LITERALS or _VERSION.fullmatch(lowered):
        return False
    runs = _RUN.findall(lowered)
    digits = sum(len(run) for run in runs if run.isdecimal())
    if not digits:
        return _is_noise(token)
    if len(runs) == 1 or len(runs) > 3:
        return True  # 42; d4w9x1: letters and digits in turn
    if _HEX.fullmatch(lowered) or (len(token) >= 6 and not _has_vowel(lowered)):
        return True
    if len(runs) == 3 and (runs[0].isdecimal() or len(token) >= 20):
        return True  # 20240101t1200, 12ab34; but p2p, k8s and oauth2callback are words
    if len(token) >= 10 and _case_changes(token) >= 0.4 * len(token):
        return True  # NffrFeUfNV2Hib
    return digits > 2  # user10045, ord123; but oauth2, html5, 2fa and top10 are words


def _is_noise(token: str) -> bool:
    """Letters alone: many with no vowel among them, or with the case changing at most steps."""
    if not token.isascii():
        return False  # Other scripts have other vowels.
    if len(token) >= 8 and not _has_vowel(token.lower()):
        return True
    return len(token) >= 12 and _case_changes(token) >= 0.6 * len(token)


def _case_changes(token: str) -> int:
    return len(_CASE_CHANGE.findall(token))


def _has_vowel(lowered: str) -> bool:
    return any(vowel in lowered for vowel in "aeiouy")
