"""What was just committed, in the order of commits, for those who tail the logs.

Ids and times of logs cannot tell it: a log carries its sender's time, and a transaction that began early may
commit late. So each transaction of logs leaves the ids it kept beside its own transaction id, and a reader
asks for what the snapshot of its last look did not hold yet: nothing is missed, nothing comes twice, and
nobody waits for a long transaction of somebody else.

Nothing is written while nobody looks, and nobody is notified: NOTIFY has commits queue for one lock, and a
look every quarter of a second costs less than one notice for each commit.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DataError, connection

from monitor.lib.locks import patiently

# How long arrivals go on being written after the last sign of a reader: long enough to connect again.
WATCHED_FOR_S = 60
# A watch with less time left than this counts as over: its end must not come before the extension's commit.
MARGIN_S = 10
KEPT_FOR_S = 300
# What is younger than this has certainly not been pruned.
RESUMED_FOR_S = 240
PLACE = re.compile(r"(?P<era>\d{1,18})\.(?P<at>\d{1,12})\.(?P<snapshot>\d{1,19}:\d{1,19}:[\d,]{0,4000})")

# Part of the statement that keeps logs (`ingest/rows.py`); takes packed ids. It locks log_arrival even when
# nobody looks: `begin_watch` relies on that.
NOTE_IF_WATCHED = (
    "noted AS (INSERT INTO log_arrival (ids) SELECT %(ids)b FROM guard"
    " WHERE ok AND EXISTS (SELECT FROM log_watch WHERE until > statement_timestamp()))"
)
EXTEND = (
    "UPDATE log_watch SET until = clock_timestamp() + make_interval(secs => %(watched_for)s)"
    " WHERE until > clock_timestamp() + make_interval(secs => %(margin)s) RETURNING era"
)
BEGIN = (
    "INSERT INTO log_watch (era, until)"
    " VALUES (1, clock_timestamp() + make_interval(secs => %(watched_for)s))"
    " ON CONFLICT (id) DO UPDATE SET era = log_watch.era + 1, until = excluded.until"
    " WHERE log_watch.until <= clock_timestamp() + make_interval(secs => %(margin)s)"
)
STAND = (
    "SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::bigint,"
    " (SELECT era FROM log_watch WHERE until > clock_timestamp())"
)
LOOK = (
    STAND  # noqa: S608 - our own words
    + ", ARRAY(SELECT ids FROM log_arrival WHERE xid >= pg_snapshot_xmin(%(before)s::pg_snapshot)"
    " AND NOT pg_visible_in_snapshot(xid, %(before)s::pg_snapshot) ORDER BY id)"
)
PRUNE = "DELETE FROM log_arrival WHERE arrived_at < clock_timestamp() - make_interval(secs => %s)"
BETWEEN = (
    "SELECT ids FROM log_arrival WHERE xid >= pg_snapshot_xmin(%(before)s::pg_snapshot)"
    " AND NOT pg_visible_in_snapshot(xid, %(before)s::pg_snapshot)"
    " AND pg_visible_in_snapshot(xid, %(now)s::pg_snapshot) ORDER BY id"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far a reader has read: all that was committed when this snapshot was taken. `era` counts the times
    that watching began anew, with a gap before it; `at` is in seconds since the epoch."""

    era: int
    at: int
    snapshot: str

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """The place that `str()` wrote, or None."""
        match = PLACE.fullmatch(text)
        return match and cls(era=int(match["era"]), at=int(match["at"]), snapshot=match["snapshot"])

    def __str__(self) -> str:
        return f"{self.era}.{self.at}.{self.snapshot}"

    def leads_to(self, now: "Place") -> bool:
        """Whether all that was committed between the two was written down, and is still there."""
        oldest = now.at - RESUMED_FOR_S
        return self.era == now.era != 0 and oldest <= self.at <= now.at


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was committed since the last look, and where that leaves the reader."""

    place: Place
    ids: list[UUID]


def packed(ids: Iterable[UUID]) -> bytes:
    return b"".join(id_.bytes for id_ in ids)


def unpacked(content: bytes | memoryview) -> list[UUID]:
    content = bytes(content)
    return [UUID(bytes=content[start : start + 16]) for start in range(0, len(content), 16)]


def begin_watch() -> Place:
    """Have arrivals written, and the place to read them from. Raises StillLocked when that has to be tried
    again.

    A transaction that looked for watchers before this one was there is waited for: it holds the table's lock
    until its commit. One that looks afterwards sees the watch.
    """
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, {"watched_for": WATCHED_FOR_S, "margin": MARGIN_S})
    extend_watch()
    patiently(wait_for_writers, tries=10, pause_s=0.1)
    return standing()


def wait_for_writers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE log_arrival IN SHARE MODE")


def extend_watch() -> int | None:
    """The era that goes on, or None when it is over: then begin again, and tell of the gap."""
    with connection.cursor() as cursor:
        cursor.execute(EXTEND, {"watched_for": WATCHED_FOR_S, "margin": MARGIN_S})
        row = cursor.fetchone()
        return int(row[0]) if row else None


def look(before: Place) -> Look:
    """What was committed after `before`. In era 0 nobody watches."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, {"before": before.snapshot})
        snapshot, at, era, contents = cursor.fetchone()
    return Look(place=Place(era=era or 0, at=at, snapshot=snapshot), ids=joined(contents))


def standing() -> Place:
    """The place of everything that is committed by now."""
    with connection.cursor() as cursor:
        cursor.execute(STAND)
        snapshot, at, era = cursor.fetchone()
    return Place(era=era or 0, at=at, snapshot=snapshot)


def missed(before: Place, now: Place) -> list[UUID] | None:
    """What was committed between the two; None when that is not known any more."""
    if not before.leads_to(now):
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(BETWEEN, {"before": before.snapshot, "now": now.snapshot})
            return joined(content for (content,) in cursor.fetchall())
    except DataError:  # a place that we never wrote
        return None


def joined(contents: Iterable[bytes | memoryview]) -> list[UUID]:
    ids: Sequence[list[UUID]] = [unpacked(content) for content in contents]
    return [id_ for each in ids for id_ in each]


def prune() -> None:
    with connection.cursor() as cursor:
        cursor.execute(PRUNE, [KEPT_FOR_S])
