"""Versions of the API by date: views speak the newest; a module for each change speaks the one before it.

An answer in an older version passes the changes that came after it, newest first, at the edge, so that no
room knows of versions. Docs: /docs/api-changelog.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol

from rest_framework.response import Response

from monitor.api.versions import lists_are_arrays


class Change(Protocol):
    """A module: what is different, in words, and how an answer is told as it was before."""

    WORDS: str

    def tell_as_before(self, response: Response) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Version:
    """What began on a date. A deprecated one answers until its sunset."""

    name: str
    changes: Sequence[Change] = ()
    deprecated_at: date | None = None
    sunset_at: date | None = None


# Newest first.
VERSIONS = (
    Version(name="2026-11-21", changes=(lists_are_arrays,)),
    Version(name="2026-11-01", deprecated_at=date(2026, 11, 21), sunset_at=date(2027, 11, 21)),
)
CURRENT = VERSIONS[0].name
NAMES = tuple(version.name for version in VERSIONS)


def version_named(name: str) -> Version:
    return next(version for version in VERSIONS if version.name == name)


def tell_in(version: Version, response: Response) -> None:
    """Change an answer that a view gave into one of this version."""
    for newer in VERSIONS[: VERSIONS.index(version)]:
        for change in newer.changes:
            change.tell_as_before(response)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
