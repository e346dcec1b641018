"""Monitors of tests, and checks that are kept as the prober keeps them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from monitor.models import Monitor, MonitorCheck, MonitorProxy
from monitor.monitors import Checked, keep, make_monitor
from monitor.monitors.proxies import save_proxy
from monitor.probing import Finding, Outcome
from tests.factories import an_organization

HTTP = {"url": "http://127.0.0.1:9/"}


def a_monitor(
    organization=None, *, kind: str = "http", config: Any = None, now=None, **fields: Any
) -> Monitor:
    monitor = Monitor(
        organization=organization or an_organization(),
        kind=kind,
        **{"name": "the monitor", "timeout_s": 5, "interval_s": 60, **fields},
    )
    given = HTTP if config is None and kind == "http" else config or {}
    return make_monitor(monitor, given, now=now or timezone.now())


def a_proxy(
    organization=None, *, name: str = "out", url: str = "http://127.0.0.1:9", **fields: Any
) -> MonitorProxy:
    proxy = MonitorProxy(organization=organization or an_organization(), name=name)
    return save_proxy(proxy, {"url": url, **fields}, now=timezone.now())


def check(
    monitor: Monitor, outcome: Outcome = Outcome.OK, *, at=None, region: str = "", **finding: Any
) -> Any:
    """Keep one finding of the monitor."""
    at = at or timezone.now()
    row = MonitorCheck.objects.get(monitor=monitor, region=region)
    found = Finding(outcome=outcome, **{"message": str(outcome), "response_ms": 20.0, **finding})
    kept = keep(
        [
            Checked(
                check_id=row.id,
                claim=row.claim,
                monitor_id=monitor.id,
                planned_at=row.planned_at or row.next_check_at,
                checked_at=at,
                finding=found,
            )
        ],
        now=at,
    )
    return kept[0] if kept else None


def each_minute(monitor: Monitor, *outcomes: Outcome, start) -> Any:
    """One check a minute from `start` on; gives the moment of the last."""
    at = start
    for number, outcome in enumerate(outcomes):
        at = start + timedelta(minutes=number)
        check(monitor, outcome, at=at)
    return at
