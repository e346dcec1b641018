"""One look at a target before it is saved, kept nowhere."""

import asyncio
import threading
from typing import Any

from django.conf import settings

from monitor.api.errors import ServerBusy
from monitor.audit import note_blocked_for_caller
from monitor.models import Monitor, MonitorProxy
from monitor.monitors.config import filled, takes_proxy, way_of
from monitor.monitors.prober import outbound_policy
from monitor.probing import BadConfig, Finding, kind_named
from monitor.probing.finding import Way
from monitor.probing.look import look

# Each look holds one of Django's threads for as long as its target takes.
looks = threading.BoundedSemaphore(max(settings.WEB_THREADS // 3, 1))


class TooBusyToLook(ServerBusy):
    default_detail = "Several looks are under way already. Try again in a moment."
    wait = 10


def look_once(
    kind_name: str,
    config: dict[str, Any],
    *,
    timeout_s: float,
    monitor: Monitor | None,
    proxy: MonitorProxy | None = None,
) -> Finding:
    """What a check would find now, with the monitor's secrets. Raises BadConfig and TooBusyToLook."""
    kind = kind_named(kind_name)
    whole = filled(config, kind=kind, monitor=monitor)
    if proxy is not None:
        if not takes_proxy(kind):
            raise BadConfig("Checks of this kind go through no proxy.", field="proxy_id")
        whole = whole | {"proxy": way_of(proxy)}
    options = kind.read(whole)
    if kind.is_internal:
        raise BadConfig("There is nothing to look at before it is saved.", field="kind")
    if not looks.acquire(blocking=False):
        raise TooBusyToLook
    try:
        found = asyncio.run(look(kind, options, Way(policy=outbound_policy(), timeout_s=timeout_s)))
    finally:
        looks.release()
    if found.is_blocked:
        note_blocked_for_caller(kind.target(options))
    return found
