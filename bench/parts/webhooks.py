"""Webhooks: deliveries a second, how soon after the commit, beside a receiver that hangs, and a backlog."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apimonitor.supervisor.errors import CannotStart
from apimonitor.supervisor.processes import die_with_parent
from bench.bench import Bench
from bench.figures import Check, Result, Table, median, percentile, spread
from bench.installation import ROOT, START_S, environment, free_port
from monitor.events import Draft, record_events
from monitor.models import Organization, WebhookEndpoint
from monitor.webhooks.endpoints import make_endpoint

TARGET_FAST, TARGET_SLOW = 300, 100
SLOW_MS = 200
ENDPOINTS = 200
# Events that come while one receiver hangs; each goes to one endpoint.
STEADY_RATE = 50
BACKLOG = 100_000
MOST_GROWTH_MIB = 20
# About 1 KB a body, as in the figures that the target was taken from.
DATA = {"text": "x" * 800}
# From the commit of the event until its first attempt began.
RATE = """
SELECT (count(*) / extract(epoch FROM
    max(started_at + duration_ms * interval '1 ms') - min(started_at)))::float8
FROM webhook_attempt
"""
SOONNESS = """
SELECT extract(epoch FROM a.started_at - d.created_at) FROM webhook_attempt a
JOIN webhook_delivery d ON d.id = a.delivery_id WHERE a.number = 1 AND d.endpoint_id <> %s
"""


def measure(bench: Bench) -> Result:
    quick = bench.options.quick
    result = Result(part="webhooks")
    with receiver() as address:
        fast = [
            drain(bench, f"{address}/ms/0", deliveries=60 if quick else 3_000).rate
            for _ in range(bench.options.rounds)
        ]
        slow = [
            drain(bench, f"{address}/ms/{SLOW_MS}", deliveries=60 if quick else 1_500).rate
            for _ in range(bench.options.rounds)
        ]
        soonness = beside_a_hanging_one(bench, address)
        backlog = drain(bench, f"{address}/ms/0", deliveries=120 if quick else BACKLOG)
    p95 = percentile(soonness, 95)
    result.tables.append(
        Table(
            title="One `manage.py deliver` with its 64 slots, bodies of about 1 KB, the receiver beside it",
            columns=["", "deliveries a second"],
            rows=[
                ["receiver that answers at once", spread(fast)],
                [f"receiver that answers after {SLOW_MS} ms", spread(slow)],
                [f"a backlog of {backlog.deliveries:,}", f"{backlog.rate:,.0f}"],
            ],
            note=f"Memory during the backlog: {backlog.before_mib:,.0f} MiB at its first tenth, "
            f"{backlog.after_mib:,.0f} MiB at its end.",
        )
    )
    result.tables.append(
        Table(
            title=f"{ENDPOINTS} endpoints, one of them hanging, {STEADY_RATE} events a second",
            columns=["from the commit to the first attempt, of all the others", "ms"],
            rows=[[f"p{rank:g}", f"{percentile(soonness, rank) * 1000:,.0f}"] for rank in (50, 95, 99, 100)],
        )
    )
    growth = backlog.after_mib - backlog.before_mib
    result.checks += [
        Check(what="deliveries, receiver at once", target=f"at least {TARGET_FAST}/s",
              reached=spread(fast, unit="/s"), met=median(fast) >= TARGET_FAST),
        Check(what=f"deliveries, receiver after {SLOW_MS} ms", target=f"at least {TARGET_SLOW}/s",
              reached=spread(slow, unit="/s"), met=median(slow) >= TARGET_SLOW),
        Check(what=f"first attempt after the commit, one of {ENDPOINTS} hanging, p95", target="under 1 s",
              reached=f"{p95 * 1000:,.0f} ms", met=p95 < 1),
        Check(what=f"memory that a backlog of {backlog.deliveries:,} takes",
              target=f"under {MOST_GROWTH_MIB} MiB", reached=f"{growth:,.1f} MiB",
              met=growth < MOST_GROWTH_MIB),
    ]  # fmt: skip
    return result


class Drained:
    """A run from the first attempt until nothing waits."""

    def __init__(self, *, deliveries: int, rate: float, before_mib: float, after_mib: float) -> None:
        self.deliveries = deliveries
        self.rate = rate
        self.before_mib = before_mib
        self.after_mib = after_mib


def drain(bench: Bench, address: str, *, deliveries: int) -> Drained:
    """Deliver what waits for 20 endpoints."""
    empty()
    for number in range(20):
        add_endpoint(f"{address}/{number}", f"bench.n{number}")
    tell([f"bench.n{number % 20}" for number in range(deliveries)])
    with deliverer(bench) as pid:
        wait_for(lambda: bench.scalar("SELECT count(*) FROM (SELECT FROM webhook_attempt LIMIT 1) one") > 0)
        before = 0.0
        while (waiting := left(bench)) > 0:
            if not before and waiting <= deliveries * 0.9:
                before = memory_mib(pid)
            time.sleep(0.5 if waiting > 2_000 else 0.02)
        after = memory_mib(pid)
    failed = bench.scalar("SELECT count(*) FROM webhook_delivery WHERE status <> 'succeeded'")
    if failed:
        raise CannotStart(f"{failed} deliveries failed.")
    return Drained(
        deliveries=deliveries, rate=bench.scalar(RATE), before_mib=before or after, after_mib=after
    )


def beside_a_hanging_one(bench: Bench, address: str) -> list[float]:
    """Seconds from commit to first attempt, of all deliveries but those to the endpoint that hangs."""
    empty()
    hanging = add_endpoint(f"{address}/never", "bench.n0")
    for number in range(1, ENDPOINTS):
        add_endpoint(f"{address}/ms/5/{number}", f"bench.n{number}")
    seconds = 2 if bench.options.quick else 30
    # What waits for the hanging one from the beginning would fill all slots many times over.
    tell(["bench.n0"] * (100 if bench.options.quick else 2_000))
    told = 0
    with deliverer(bench):
        wait_for(lambda: bench.scalar("SELECT count(*) FROM webhook_delivery WHERE status = 'leased'") > 0)
        for number in range(seconds * STEADY_RATE):
            began = time.monotonic()
            tell([f"bench.n{number % ENDPOINTS}"])
            told += number % ENDPOINTS != 0
            time.sleep(max(0.0, 1 / STEADY_RATE - (time.monotonic() - began)))
        wait_for(lambda: len(soonness_beside(hanging)) == told)
    return soonness_beside(hanging)


def soonness_beside(hanging: WebhookEndpoint) -> list[float]:
    with connection.cursor() as cursor:
        cursor.execute(SOONNESS, [hanging.id])
        return [float(seconds) for (seconds,) in cursor.fetchall()]


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > until:
            raise CannotStart("Deliveries beside a hanging endpoint were not sent.")
        time.sleep(0.05)


def organization_id() -> UUID:
    return Organization.objects.default().id


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE event, event_outbox, webhook_endpoint CASCADE")


def add_endpoint(url: str, event: str) -> WebhookEndpoint:
    organization = Organization.objects.default()
    made = make_endpoint(organization=organization, url=url, enabled_events=[event], now=timezone.now())
    return made[0]


def tell(types: list[str]) -> None:
    """Events of these types, committed a thousand at a time."""
    organization = organization_id()
    for start in range(0, len(types), 1_000):
        record_events(
            Draft(organization_id=organization, type=type_, data=DATA, happened_at=timezone.now())
            for type_ in types[start : start + 1_000]
        )


def left(bench: Bench) -> int:
    waiting: Any = bench.scalar("SELECT count(*) FROM webhook_delivery WHERE status IN ('pending', 'leased')")
    return int(waiting)


def memory_mib(pid: int) -> float:
    found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def running(bench_log: Path, *arguments: str, **more: str) -> Iterator[int]:
    """A program of ours beside the bench, by its process id."""
    with bench_log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=more or None,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(START_S)


@contextmanager
def deliverer(bench: Bench) -> Iterator[int]:
    with running(bench.log, "manage.py", "deliver", **environment(bench.url, port=1)) as pid:
        yield pid


@contextmanager
def receiver() -> Iterator[str]:
    port = free_port()
    with running(Path("/dev/null"), "-m", "bench.receiver", str(port)):
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
