"""Counts against limits in the database, so that all processes count as one (GCRA).

A bucket is one number: the moment at which all of it is there again. Each call moves that on by its share
of a minute, and it may lie a minute ahead at most: so a whole minute's quota can come at once, and then as
much as flows back. `take_quota` (migration 0033) does it for several limits, all or none, in one round trip.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from monitor.limits.policies import Limit

TAKE = "SELECT granted, remaining, wait_s FROM take_quota(%s::text[], %s::int[], %s, %s)"

TAKE_ONE = """
INSERT INTO rate_bucket AS b (name, full_at)
    VALUES (%(name)s, extract(epoch FROM clock_timestamp()) + %(step_s)s)
ON CONFLICT (name) DO UPDATE
    SET full_at = greatest(b.full_at, extract(epoch FROM clock_timestamp())) + %(step_s)s
    WHERE greatest(b.full_at - extract(epoch FROM clock_timestamp()), 0) + %(step_s)s <= %(window_s)s + 0.001
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a limit stands after a request: what is left, and in how many seconds there is more (of one that
    refused: in how many the request may fit)."""

    limit: Limit
    granted: int
    remaining: int
    wait_s: float


def take(limits: Sequence[Limit], *, asked: int = 1, least: int = 1) -> list[Standing]:
    """As many as asked of each limit, or as there are, but not fewer than `least`: then none of any.

    In a commit of its own: outside of a transaction, or others wait for its end.
    """
    names, quotas = [each.bucket for each in limits], [each.per_minute for each in limits]
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [names, quotas, asked, least])
        rows = cursor.fetchall()
    return [
        Standing(limit=limit, granted=granted, remaining=remaining, wait_s=wait_s)
        for limit, (granted, remaining, wait_s) in zip(limits, rows, strict=True)
    ]


def take_one(bucket: str, *, most: int, window_s: float) -> bool:
    """Whether one more fits: `most` of them may come at once, and as many flow back in a window. For what is
    rare, as letters to strangers; in a commit of its own, like `take`."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_ONE, {"name": bucket, "step_s": window_s / most, "window_s": window_s})
        return bool(cursor.rowcount == 1)


def refusing(standings: Sequence[Standing]) -> Standing | None:
    """The limit that refused and asks for the longest wait, if any did."""
    if not standings or standings[0].granted:
        return None
    return max(standings, key=lambda each: each.wait_s)


def tightest(standings: Sequence[Standing]) -> Standing:
    return min(standings, key=lambda each: each.remaining / each.limit.per_minute)
