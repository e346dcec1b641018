"""One look, bounded in time, whatever the kind: always a finding, never an exception."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from monitor.lib.outbound import OutboundError
from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.turns import stood_still, watched_turns
from monitor.probing.finding import BLOCKED_WORDS, Finding, Outcome, OwnError, Way
from monitor.probing.registry import Kind

logger = logging.getLogger(__name__)
Probe = Callable[[Any, Way], Awaitable[Finding]]


async def look(kind: Kind, options: Any, way: Way) -> Finding:
    """What is found within `timeout_s`. What goes wrong on our side is UNKNOWN, never the target's fault."""
    if kind.probe is None:
        raise ValueError(f"{kind.name} is judged from what our tables hold.")
    began = time.monotonic()
    found = await looked(kind, kind.probe, options, way)
    # Whoever noticed it first: some kinds have time limits of their own.
    if found.outcome == Outcome.FAILED and stood_still(since=began, limit_s=way.timeout_s):
        return unknown("The prober stood still during this check.")
    return found


async def looked(kind: Kind, probe: Probe, options: Any, way: Way) -> Finding:
    try:
        with watched_turns() as turns:
            async with asyncio.timeout(way.timeout_s):
                return await probe(options, way)
    except TimeoutError:
        if turns.waiting:
            return unknown("This check had to wait for others, and its time ran out.")
        return Finding(outcome=Outcome.FAILED, message=f"No complete answer within {way.timeout_s:g} s.")
    except BlockedTarget:
        return Finding(outcome=Outcome.UNKNOWN, message=BLOCKED_WORDS, is_blocked=True)
    except OwnError as error:
        return unknown(str(error))
    except OutboundError as error:
        return Finding(outcome=Outcome.FAILED, message=str(error))
    except Exception as error:
        # A fault of ours in one kind must not call targets down, nor end the prober.
        logger.exception("A %s check failed by itself", kind.name)
        return unknown(f"The check failed by itself ({type(error).__name__}).")


def unknown(message: str) -> Finding:
    return Finding(outcome=Outcome.UNKNOWN, message=message)
