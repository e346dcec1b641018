"""One look, bounded in time, whatever the kind: always a finding, never an exception."""

import asyncio
import logging
import time
from typing import Any

from monitor.lib.outbound import BLOCKED_MESSAGE, OutboundError
from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.turns import watched_turns
from monitor.probing.finding import Finding, Outcome, OwnError, Way
from monitor.probing.registry import Kind

logger = logging.getLogger(__name__)
# A time limit that is noticed this much late says that this process stood still, not the target.
HELD_UP_S = 5.0


async def look(kind: Kind, options: Any, way: Way) -> Finding:
    """What is found within `timeout_s`. What goes wrong on our side is UNKNOWN, never the target's fault."""
    if kind.probe is None:
        raise ValueError(f"{kind.name} is judged from what our tables hold.")
    began = time.monotonic()
    try:
        with watched_turns() as turns:
            async with asyncio.timeout(way.timeout_s):
                return await kind.probe(options, way)
    except TimeoutError:
        if turns.waiting:
            return unknown("This check had to wait for others, and its time ran out.")
        if time.monotonic() - began > way.timeout_s + HELD_UP_S:
            return unknown("The prober stood still during this check.")
        return Finding(outcome=Outcome.FAILED, message=f"No complete answer within {way.timeout_s:g} s.")
    except BlockedTarget:
        return unknown(f"{BLOCKED_MESSAGE} OUTBOUND_ALLOW lists the private networks that are.")
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
