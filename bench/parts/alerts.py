"""What a minute costs the worker that judges a thousand rules over windows."""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.bench import Bench
from bench.figures import Check, Result, Table, median, spread
from monitor.alerts.rounds import judge_windows
from monitor.ingest import LogItem, accept
from monitor.lib.histogram import bucket_of
from monitor.metrics import rollups
from monitor.metrics.cells import Cells, coarser, minutes_of
from monitor.metrics.compact import COARSER
from monitor.metrics.facts import Fact
from monitor.models import AlertGroup, AlertRule, Consumer, Endpoint, Service
from monitor.models.metrics import Family, Resolution

RULES, SERVICES, ENDPOINTS, CONSUMERS = 1_000, 50, 10, 20
TARGET_S = 10.0
MEASURES = (
    {"measure": "p95_latency", "threshold": 900},
    {"measure": "error_rate", "threshold": 8, "min_requests": 20},
    {"measure": "request_count", "direction": "below", "threshold": 1},
    {"measure": "apdex", "direction": "below", "threshold": 0.5},
    {"measure": "status_share", "status_class": "5xx", "threshold": 9},
)
WINDOWS_S = (300, 900, 3600, 24 * 3600)
SPLITS = ("", "", "", "endpoint", "consumer", "environment")
# Logs that are not rolled up yet when the round begins.
WAITING = 20_000


def measure(bench: Bench) -> Result:
    now = datetime.now(UTC).replace(second=12, microsecond=0)
    chance = random.Random(4)
    services = make_services(bench)
    fill(services, now=now, chance=chance)
    make_rules(services, chance)
    quiet = [cost_of_round(now + timedelta(minutes=minute)) for minute in range(bench.options.rounds + 1)]
    wait(bench, now=now)
    busy = [cost_of_round(now + timedelta(minutes=minute)) for minute in range(bench.options.rounds)]
    with CaptureQueriesContext(connection) as captured:
        judge_windows(now=now)
    groups, statements = AlertGroup.objects.count(), len(captured)
    return Result(
        part="alerts",
        tables=[
            Table(
                title=f"{RULES:,} rules of {SERVICES} services, {groups:,} groups, windows of 5 min to 24 h",
                columns=["", "seconds a round", "of the worker's processor", "statements"],
                rows=[
                    row("the first round, which makes the groups", quiet[:1]),
                    row("later rounds", quiet[1:], f"{statements:,}"),
                    row(f"with {WAITING:,} logs not rolled up", busy),
                ],
            )
        ],
        checks=[
            Check(
                what=f"{RULES:,} rules judged by one worker",
                target=f"under {TARGET_S:g} s a minute",
                reached=spread([cost.clock for cost in busy], digits=2, unit=" s"),
                met=median([cost.clock for cost in busy]) < TARGET_S,
            )
        ],
    )


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one round in seconds: on the clock, and of the worker's own processor time."""

    clock: float
    processor: float


def cost_of_round(now: datetime) -> Cost:
    clock, processor = time.perf_counter(), time.process_time()
    if judge_windows(now=now).failed:
        raise RuntimeError("Rules of the bench could not be judged.")
    return Cost(clock=time.perf_counter() - clock, processor=time.process_time() - processor)


def row(words: str, costs: Sequence[Cost], statements: str = "") -> list[str]:
    clocks = spread([cost.clock for cost in costs], digits=2)
    return [words, clocks, spread([cost.processor for cost in costs], digits=2), statements]


def make_services(bench: Bench) -> list[tuple[Service, list[UUID], list[UUID]]]:
    """Services, each with the ids of its endpoints and of the organization's consumers."""
    made: list[tuple[Service, list[UUID], list[UUID]]] = []
    now = datetime.now(UTC)
    for number in range(SERVICES):
        service = bench.service(f"watched {number}")[0]
        routes = [
            Endpoint(service=service, method="GET", route=f"/{route}", first_seen_at=now)
            for route in range(ENDPOINTS)
        ]
        Endpoint.objects.bulk_create(routes)
        callers = [
            Consumer.objects.get_or_create(
                organization=service.organization,
                identifier=f"caller {caller}",
                defaults={"first_seen_at": now},
            )[0].id
            for caller in range(CONSUMERS)
        ]
        made.append((service, [route.id for route in routes], callers))
    return made


def fill(
    services: list[tuple[Service, list[UUID], list[UUID]]], *, now: datetime, chance: random.Random
) -> None:
    """A day of rollups, as ingestion would have left them."""
    for service, endpoints, consumers in services:
        minutes = minutes_of(facts_of(service, endpoints, consumers, now=now, chance=chance))
        rollups.write(minutes)
        for resolution in COARSER:
            rollups.write(coarser(minutes, resolution))
        rollups.write(weeks_before(coarser(minutes, Resolution.HOUR), now=now))


def weeks_before(hours: Cells, *, now: datetime) -> Cells:
    """The last hours again, of the eight weeks that a baseline learns from."""
    recent = now.timestamp() - 4 * 3600
    return {
        key._replace(start=key.start - week * 7 * 86_400): cell
        for key, cell in hours.items()
        if key.family == Family.TOTAL and key.start >= recent
        for week in range(1, 9)
    }


def facts_of(
    service: Service, endpoints: list[UUID], consumers: list[UUID], *, now: datetime, chance: random.Random
) -> Iterator[Fact]:
    """Every minute of the last half hour and every tenth before: no window reads finer than that."""
    last = int(now.timestamp()) // 60
    recent, before = range(last - 30, last + 10), range(last - 25 * 60, last - 30, 10)
    turns = itertools.cycle(itertools.product(endpoints, consumers))
    for minute in (*recent, *before):
        for status, requests in ((200, 40), (404, 3), (503, 2)):
            for _ in range(2):
                endpoint, consumer = next(turns)
                latencies = [chance.lognormvariate(4.5, 0.8) for _ in range(requests)]
                yield Fact(
                    minute,
                    service.id.bytes,
                    "prod" if chance.random() < 0.8 else "dev",
                    "live",
                    "GET",
                    status,
                    status >= 500,
                    endpoint.bytes,
                    consumer.bytes,
                    requests=requests,
                    latency_ms=sum(latencies),
                    buckets=[bucket_of(latency) for latency in latencies],
                )


# Of ten rules one is a baseline and one an objective; both read further back than the others.
OTHER_KINDS: dict[int, dict[str, Any]] = {
    8: {"kind": "baseline", "measure": "p95_latency", "direction": "above", "window_s": 600},
    9: {"kind": "slo", "measure": "error_rate", "target": 99.9},
}


def make_rules(services: list[tuple[Service, list[UUID], list[UUID]]], chance: random.Random) -> None:
    rules = []
    for number in range(RULES):
        service, endpoints, _ = services[number % SERVICES]
        if number % 10 in OTHER_KINDS:
            rules.append(AlertRule(service=service, name=f"rule {number}", **OTHER_KINDS[number % 10]))
            continue
        per = SPLITS[chance.randrange(len(SPLITS))]
        rules.append(
            AlertRule(
                service=service,
                name=f"rule {number}",
                kind="metric",
                per=per,
                endpoint_id=chance.choice(endpoints) if not per and number % 3 == 0 else None,
                window_s=WINDOWS_S[chance.randrange(len(WINDOWS_S))],
                **{"direction": "above", **MEASURES[number % len(MEASURES)]},
            )
        )
    AlertRule.objects.bulk_create(rules)


def wait(bench: Bench, *, now: datetime) -> None:
    """Keep logs that no rollup holds yet."""
    moment = now - timedelta(seconds=40)
    for number in range(0, WAITING, 400):
        items = [
            LogItem(
                method="GET",
                url="https://shop.example/0",
                path=f"/{log % ENDPOINTS}",
                status_code=200,
                latency_ms=20.0 + log,
                timestamp=moment,
            )
            for log in range(400)
        ]
        accept(items, bench.sender(f"watched {number // 400 % SERVICES}"), now=now)
