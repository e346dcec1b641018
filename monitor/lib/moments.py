"""Moments as people and programs write them."""

import re
from datetime import UTC, datetime

import msgspec

UNIX_TIME = re.compile(r"-?\d{1,12}(\.\d{1,9})?", re.ASCII)


def parse_moment(text: str) -> datetime:
    """The moment in an RFC 3339 text with a zone, or in Unix seconds. Raises ValueError.

    A blank where a plus stood is taken for the plus that a query string lost.
    """
    text = text.strip().replace(" ", "+") if "T" in text.upper() else text.strip()
    if UNIX_TIME.fullmatch(text):
        try:
            return datetime.fromtimestamp(float(text), tz=UTC)
        except (OverflowError, OSError):
            raise ValueError("This moment is out of range.") from None
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise ValueError("Use RFC 3339, as 2026-11-21T09:30:00Z, or Unix seconds.") from None
    if moment.tzinfo is None:
        raise ValueError("The moment needs a zone: end it with Z or an offset such as +02:00.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("This moment is out of range.") from None
