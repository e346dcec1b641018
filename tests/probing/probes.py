"""One look at a target, as tests ask for it."""

import asyncio
from typing import Any

from monitor.lib.outbound import OutboundPolicy
from monitor.probing import Finding, kind_named
from monitor.probing.finding import Way
from monitor.probing.look import look

HOME = OutboundPolicy(allow_loopback=True)


def look_at(kind: str, *, timeout_s: float = 5, policy: OutboundPolicy = HOME, **config: Any) -> Finding:
    known = kind_named(kind)
    return asyncio.run(look(known, known.read(config), Way(policy=policy, timeout_s=timeout_s)))
