"""The loop that checks: take what is due, look at many at a time, write down what was found.

A prober holds nothing that matters: killed, its leases run out and another has its checks. While the
database is away it keeps what it found, and no target is called down for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.utils import timezone

from monitor.lib.outbound import OutboundPolicy
from monitor.lib.secrets import CannotOpen
from monitor.models import Monitor
from monitor.monitors.claiming import Claimed, claim_due, mend_clock
from monitor.monitors.config import options_of
from monitor.monitors.internal import judge_internal
from monitor.monitors.keeping import Checked, keep
from monitor.monitors.watchdog import mark_silent
from monitor.probing import BadConfig, Finding, kind_named
from monitor.probing.finding import Way
from monitor.probing.look import look, unknown

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

# How often due monitors are looked for when there are none, and findings written. Those of the next second
# are taken too, and wait here for their moment: a claim that is slow then delays no check.
LOOK_EVERY_S = 0.25
AHEAD_S = 1.0
WRITE_EVERY_S = 0.2
WATCH_EVERY_S = 30.0
RETRY_S = 1.0
MOST_A_CLAIM = 200
MOST_A_WRITE = 500
# Findings kept while the database is away; then nothing more is taken.
MOST_WAITING = 20_000
MOST_OPTIONS = 20_000


def outbound_policy() -> OutboundPolicy:
    """What monitors may reach: what replay may, so that an operator opens a network once."""
    return OutboundPolicy(allow=settings.OUTBOUND_ALLOW, allow_loopback=settings.QUICK_START)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A finding that is not written down yet."""

    claimed: Claimed
    finding: Finding | None
    checked_at: datetime
    next_check_at: datetime | None = None
    scheduled_at: datetime | None = None

    def as_checked(self) -> Checked:
        return Checked(
            check_id=self.claimed.check_id,
            claim=self.claimed.claim,
            monitor_id=self.claimed.monitor.id,
            planned_at=self.claimed.planned_at,
            checked_at=self.checked_at,
            finding=self.finding or unknown("Nothing was found."),
            next_check_at=self.next_check_at,
            scheduled_at=self.scheduled_at,
        )


class Prober:
    """One prober of a region. `run` ends after `stop`, with all that was found written down."""

    def __init__(
        self,
        *,
        region: str = "",
        concurrency: int | None = None,
        now: Callable[[], datetime] = timezone.now,
        policy: OutboundPolicy | None = None,
    ) -> None:
        self.region = region
        self.concurrency = concurrency or settings.PROBER_CONCURRENCY
        self.kept = 0
        self._now = now
        self._policy = policy or outbound_policy()
        self._stopping = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()
        self._found: list[Found] = []
        # A connection each: taking what is due must not wait for a long write.
        self._taking = ThreadPoolExecutor(1, thread_name_prefix="prober-takes")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="prober-writes")
        self._options: dict[tuple[UUID, datetime], object] = {}

    def stop(self) -> None:
        """Take nothing more, and end when what is under way is written down."""
        self._stopping.set()

    async def run(self) -> None:
        watching = asyncio.create_task(self._watch())
        writing = asyncio.create_task(self._write())
        try:
            await self._take()
            if self._looking:
                await asyncio.wait(self._looking)
        finally:
            for task in (watching, writing):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            with contextlib.suppress(DatabaseError, InterfaceError):
                await self._flush()
            for pool in (self._taking, self._writing):
                pool.submit(connections.close_all)
                pool.shutdown()

    # --- Taking --------------------------------------------------------------------------------------------

    async def _take(self) -> None:
        while not self._stopping.is_set():
            free = min(self.concurrency - len(self._looking), MOST_A_CLAIM)
            taken: list[Claimed] = []
            if free > 0 and len(self._found) < MOST_WAITING:
                try:
                    taken = await self._in(self._taking, partial(self._claim, free))
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("Due monitors cannot be asked for: %s", type(error).__name__)
                    await self._pause(RETRY_S)
                    continue
            for each in taken:
                task = asyncio.create_task(self._look(each))
                self._looking.add(task)
                task.add_done_callback(self._looking.discard)
            if len(taken) < max(free, 1):
                await self._pause(LOOK_EVERY_S)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # --- Looking -------------------------------------------------------------------------------------------

    async def _look(self, claimed: Claimed) -> None:
        # A clock that was set back since makes nobody wait longer.
        early_s = min((claimed.planned_at - self._now()).total_seconds(), AHEAD_S)
        if early_s > 0:
            await asyncio.sleep(early_s)
        began_at = self._now()
        monitor = claimed.monitor
        try:
            kind = kind_named(monitor.kind)
            if kind.is_internal:
                judged = await self._in(self._taking, lambda: judge_internal(monitor, now=began_at))
                finding, next_check_at = judged.finding, judged.next_check_at
            else:
                way = Way(policy=self._policy, timeout_s=monitor.timeout_s, name=str(monitor.id))
                finding, next_check_at = await look(kind, self._options_of(monitor), way), None
        except (BadConfig, CannotOpen) as error:
            finding, next_check_at = unknown(str(error)), None
        except (DatabaseError, InterfaceError) as error:
            finding, next_check_at = unknown(f"The database was away ({type(error).__name__})."), None
        except Exception as error:
            logger.exception("A check failed by itself")
            finding, next_check_at = unknown(f"The check failed by itself ({type(error).__name__})."), None
        self._found.append(
            Found(
                claimed=claimed,
                finding=finding,
                checked_at=began_at,
                next_check_at=next_check_at,
                scheduled_at=self._scheduled(claimed),
            )
        )

    def _scheduled(self, claimed: Claimed) -> datetime | None:
        """What it missed while it was looked at is skipped. Never the moment that was just kept: a clock may
        be a little behind it."""
        schedule = kind_named(claimed.monitor.kind).schedule(claimed.monitor.config)
        return schedule.next_after(max(self._now(), claimed.planned_at)) if schedule else None

    def _options_of(self, monitor: Monitor) -> object:
        """Read once for each change: unsealing and checking a config takes longer than many checks."""
        key = (monitor.id, monitor.updated_at)
        if key not in self._options:
            if len(self._options) >= MOST_OPTIONS:
                self._options.clear()
            self._options[key] = options_of(monitor)
        return self._options[key]

    # --- Writing -------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self._flush()
            except (DatabaseError, InterfaceError) as error:
                logger.warning(
                    "%s findings wait for the database: %s", len(self._found), type(error).__name__
                )
                await asyncio.sleep(RETRY_S)

    async def _flush(self) -> None:
        while self._found:
            batch = self._found[:MOST_A_WRITE]
            # Taken from the list only once they are kept; the list grows at its other end meanwhile.
            self.kept += await self._in(self._writing, partial(self._keep, batch))
            del self._found[: len(batch)]

    def _keep(self, batch: list[Found]) -> int:
        """Keep them together; what cannot be kept so is tried one by one, and a bad one is left out."""
        checked = [each.as_checked() for each in batch if each.finding is not None]
        silent = [each for each in batch if each.finding is None]
        if silent:
            put_off(silent)
        try:
            return len(keep(checked, now=self._now()))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("%s findings could not be kept together", len(checked))
        return sum(self._keep_one(each) for each in checked)

    def _keep_one(self, checked: Checked) -> int:
        try:
            return len(keep([checked], now=self._now()))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # Its lease runs out, and it is looked at again.
            logger.exception("A finding of monitor %s could not be kept", checked.monitor_id)
            return 0

    async def _watch(self) -> None:
        while True:
            try:
                await self._in(self._taking, self._watch_once)
            except (DatabaseError, InterfaceError):
                logger.warning("The watchdog could not look.")
            await asyncio.sleep(WATCH_EVERY_S)

    def _watch_once(self) -> None:
        now = self._now()
        mend_clock(now=now)
        mark_silent(now=now)

    def _claim(self, limit: int) -> list[Claimed]:
        return claim_due(region=self.region, limit=limit, now=self._now(), ahead=timedelta(seconds=AHEAD_S))

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, with_a_sound_connection, work)


def with_a_sound_connection(work: Callable[[], Result]) -> Result:
    """Runs it; a connection that broke is made anew for the next call."""
    try:
        return work()
    except (DatabaseError, InterfaceError):
        connections[DEFAULT_DB_ALIAS].close()
        raise


def put_off(silent: list[Found]) -> None:
    """Nothing to say yet: only when to look again."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE monitor_check SET next_check_at = %s, planned_at = NULL, claim = NULL"
            " WHERE id = %s AND claim = %s",
            [
                [
                    each.next_check_at or each.checked_at + timedelta(minutes=1),
                    each.claimed.check_id,
                    each.claimed.claim,
                ]
                for each in silent
            ],
        )
