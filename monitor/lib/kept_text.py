"""What this installation keeps of texts that come from outside: masked by its rules, cut to its limit,
and only what PostgreSQL can hold. Pure, but for settings."""

from collections.abc import Mapping

from django.conf import settings

from monitor.lib import masking

RULES = masking.MaskingRules(extra_headers=tuple(settings.MASK_HEADERS), extra_keys=tuple(settings.MASK_KEYS))


def content_type(headers: Mapping[str, str | list[str]]) -> str | None:
    for name, value in headers.items():
        if len(name) == len("content-type") and name.lower() == "content-type":
            return value if isinstance(value, str) else next(iter(value), None)
    return None


def cut(text: str, limit: int | None = None) -> tuple[str, bool]:
    """The text within so many bytes of UTF-8 (MAX_BODY_BYTES), cut between characters, and whether it was
    cut."""
    limit = settings.MAX_BODY_BYTES if limit is None else limit
    if len(text) * 4 <= limit:
        return text, False
    data = text.encode()
    if len(data) <= limit:
        return text, False
    return data[:limit].decode(errors="ignore"), True


def has_nul(value: object) -> bool:
    """Whether a NUL character is anywhere in this JSON value; PostgreSQL's text cannot hold one."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(has_nul(key) or has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(has_nul(item) for item in value)


def storable(text: str | None) -> str:
    """Text that PostgreSQL can hold: NUL becomes U+FFFD, so that the rest is kept and the place is seen."""
    return (text or "").replace("\x00", "\ufffd")
