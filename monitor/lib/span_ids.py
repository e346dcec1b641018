"""Span ids as numbers: 8 bytes in a row and its index, where their 16 hex digits take twice that. Pure."""

import re

# https://www.w3.org/TR/trace-context/#parent-id: lower case, and not all zero.
SPAN_ID = re.compile(r"[0-9a-f]{16}")
HALF = 1 << 63


def span_number(text: str | None) -> int | None:
    """The id as a signed 64-bit number; None for what is no span id, as all zeros are not."""
    if not text:
        return None
    lower = text.lower()
    if not SPAN_ID.fullmatch(lower):
        return None
    number = int(lower, 16)
    return (number - 2 * HALF if number >= HALF else number) or None
