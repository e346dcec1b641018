"""Limits of logs, at no write for each: a process leases about a second's worth and counts it off in memory.

What is leased is taken from the bucket first, so all processes together never keep more than the limit; a
process that ends takes at most its lease with it.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.api.errors import QuotaExceeded
from monitor.lib.counting import count_limited
from monitor.limits.buckets import Standing, take
from monitor.limits.policies import Limit

# Of a minute: a lease lasts a second where logs come as fast as they may.
LEASES_A_MINUTE = 60
MAX_SHARES = 10_000


@dataclass(slots=True)
class Share:
    """What is left of a lease; and until when, by the clock below, as many more need not be asked for as were
    refused the last time."""

    left: int = 0
    refused: int = 0
    refused_until: float = 0.0


class Shares:
    """The shares of one process, from any thread."""

    def __init__(
        self,
        *,
        lease: Callable[..., list[Standing]] = take,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._shares: dict[str, Share] = {}

    def try_take(self, limits: Sequence[Limit], amount: int) -> bool:
        """Whether there is enough in memory; it is taken then. Raises QuotaExceeded where that is known."""
        with self._lock:
            return self._lacking(limits, amount) is None

    def take(self, limits: Sequence[Limit], amount: int) -> None:
        """Take as many of each, and lease more where it needs to. Raises QuotaExceeded, or the database's
        own error."""
        while (lacking := self._next(limits, amount)) is not None:
            limit, need = lacking
            (standing,) = self._lease(
                [limit], asked=max(need, math.ceil(limit.per_minute / LEASES_A_MINUTE)), least=need
            )
            with self._lock:
                share = self._share_of(limit)
                share.left += standing.granted
                if not standing.granted:
                    share.refused, share.refused_until = need, self._clock() + standing.wait_s

    def _next(self, limits: Sequence[Limit], amount: int) -> tuple[Limit, int] | None:
        with self._lock:
            return self._lacking(limits, amount)

    def _lacking(self, limits: Sequence[Limit], amount: int) -> tuple[Limit, int] | None:
        """The first limit whose share is too small, and by how much; None when all were, and are taken."""
        shares = [self._share_of(limit) for limit in limits]
        for limit, share in zip(limits, shares, strict=True):
            if share.left < amount:
                wait_s = share.refused_until - self._clock()
                if wait_s > 0 and amount - share.left >= share.refused:
                    count_limited(limit.policy)
                    raise QuotaExceeded(policy=limit.policy, per_minute=limit.per_minute, wait_s=wait_s)
                return limit, amount - share.left
        for share in shares:
            share.left -= amount
        return None

    def _share_of(self, limit: Limit) -> Share:
        if len(self._shares) >= MAX_SHARES:
            self._shares.clear()
        return self._shares.setdefault(limit.bucket, Share())


shares = Shares()


def admit(limits: Sequence[Limit], amount: int) -> None:
    """Count so many logs against these limits. Raises QuotaExceeded; then none may be kept."""
    if limits and amount:
        shares.take(limits, amount)
