"""Monitors: one prober with thousands of them, the page that lists them, and pings a second on both faces."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from django.db import connection, transaction
from django.utils import timezone

from apimonitor.supervisor.errors import CannotStart
from bench.bench import Bench
from bench.figures import Check, Result, Table, median, percentile, spread
from bench.installation import OURS, START_S, environment, served
from bench.parts.webhooks import receiver, running
from bench.processes import spent_s
from bench.wrk import Load, load
from monitor.lib.ids import uuid7_floor
from monitor.models import Monitor, MonitorCheck, MonitorStanding, Organization, PushTarget
from monitor.models.monitors import RECENT_BEATS
from monitor.monitors.recent import RecentBeat, packed
from monitor.monitors.register import make_monitor

MONITORS, INTERVAL_S = 5_000, 60
# Long enough for half of the monitors to come round a second time, as planned by the first.
WATCHED_S, SETTLING_S = 90, 5
TARGET_JITTER_S, TARGET_PAGE_MS = 1.0, 300
TARGET_DJANGO, TARGET_LANE = 250, 2_000
PUSHERS = 500
PAGE_LOADS = 20
CONNECTIONS = 32
# Before a load; and a quick run of a busy machine needs more than a second to answer all connections.
WARMING, LEAST_S = 10, 3
WSGI = ("-c", "python:apimonitor.serving", "apimonitor.wsgi:application")
# How late each check began: a monitor's k-th check is due k intervals after its first.
LATENESS = """
SELECT extract(epoch FROM at - first_at - (number - 1) * make_interval(secs => %(interval)s))
FROM (
    SELECT beat.monitor_id, planned.at AS first_at,
        row_number() OVER (PARTITION BY beat.monitor_id ORDER BY beat.id) AS number,
        to_timestamp(('x' || substr(replace(beat.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) AS at
    FROM beat JOIN bench_planned planned ON planned.monitor_id = beat.monitor_id
    WHERE beat.id >= %(begin)s
) checks
"""


PLAN_EVENLY = """
UPDATE monitor_check SET
    claim = NULL, planned_at = NULL, next_check_at = %s + place * make_interval(secs => %s)
FROM (
    SELECT id, (row_number() OVER (ORDER BY id) - 1)::float8 / count(*) OVER () AS place FROM monitor_check
) places
WHERE places.id = monitor_check.id
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What one prober did within a while. Times in seconds."""

    lateness_s: list[float]
    seconds: float
    beats: int
    prober_s: float
    database_s: float

    def ranks(self) -> list[tuple[float, float]]:
        return [(rank, percentile(self.lateness_s, rank)) for rank in (50, 95, 99, 100)]

    def share(self, spent_s: float) -> float:
        """Of one core, in per cent."""
        return 100 * spent_s / self.seconds


def measure(bench: Bench) -> Result:
    quick = bench.options.quick
    monitors, interval_s = (40, 5) if quick else (MONITORS, INTERVAL_S)
    empty()
    with receiver() as address:
        make_many(f"{address}/ms/0", monitors, interval_s=interval_s)
        watched = watch(bench, seconds=8 if quick else WATCHED_S, interval_s=interval_s)
    fill_bars()
    with bench.product() as product:
        pages_ms = page_times(product, 2 if quick else PAGE_LOADS)
    empty()
    addresses = pushers(bench, 20 if quick else PUSHERS)
    lane = pings_a_second(bench, OURS, addresses)
    views = pings_a_second(bench, WSGI, addresses, WEB_INTERFACE="wsgi")
    result = Result(part="prober")
    due = monitors / interval_s
    result.tables += [
        Table(
            title=f"{monitors:,} http monitors each {interval_s} s, one `manage.py prober`, target beside it",
            columns=["", ""],
            rows=[
                ["checks a second, due", f"{due:,.1f}"],
                ["checks a second, written", f"{watched.beats / watched.seconds:,.1f}"],
                *(
                    [f"start behind its moment, p{rank:g}", f"{late * 1000:,.0f} ms"]
                    for rank, late in watched.ranks()
                ),
                ["the prober, of one core", f"{watched.share(watched.prober_s):,.0f} %"],
                ["PostgreSQL, of one core", f"{watched.share(watched.database_s):,.0f} %"],
            ],
        ),
        Table(
            title=f"The page of {monitors:,} monitors, one reader",
            columns=["", "ms"],
            rows=[[f"p{rank:g}", f"{percentile(pages_ms, rank):,.0f}"] for rank in (50, 95)],
        ),
        Table(
            title=f"Pings of {len(addresses):,} monitors, {CONNECTIONS} connections, committed when answered",
            columns=["", "a second", "p99, ms"],
            rows=[
                [name, spread(rates_of(loads)), spread([each.p99_ms for each in loads], digits=1)]
                for name, loads in (("through Django", views), ("through the fast lane", lane))
            ],
        ),
    ]
    jitter = percentile(watched.lateness_s, 99)
    page = percentile(pages_ms, 95)
    by_views, by_lane = rates_of(views), rates_of(lane)
    result.checks += [
        Check(what=f"{monitors:,} monitors each {interval_s} s, start behind its moment, p99",
              target=f"under {TARGET_JITTER_S:g} s", reached=f"{jitter * 1000:,.0f} ms",
              met=jitter < TARGET_JITTER_S),
        Check(what=f"list page of {monitors:,} monitors, p95", target=f"under {TARGET_PAGE_MS} ms",
              reached=f"{page:,.0f} ms", met=page < TARGET_PAGE_MS),
        Check(what="pings through Django", target=f"at least {TARGET_DJANGO}/s",
              reached=spread(by_views, unit="/s"), met=median(by_views) >= TARGET_DJANGO),
        Check(what="pings through the fast lane", target=f"at least {TARGET_LANE:,}/s",
              reached=spread(by_lane, unit="/s"), met=median(by_lane) >= TARGET_LANE),
    ]  # fmt: skip
    return result


def rates_of(loads: list[Load]) -> list[float]:
    return [each.rate for each in loads]


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE monitor, beat CASCADE")


def make_many(url: str, count: int, *, interval_s: int) -> None:
    """Monitors as the product makes them: one by its own verb, the others as that one's rows."""
    with transaction.atomic():
        first = Monitor(
            organization=Organization.objects.default(),
            name="Shop 0",
            kind="http",
            interval_s=interval_s,
            timeout_s=5,
            tags=["bench"],
        )
        make_monitor(first, {"url": f"{url}/0"}, now=timezone.now())
        copy_many(first, [(f"Shop {number}", {"url": f"{url}/{number}"}) for number in range(1, count)])


def copy_many(first: Monitor, named: list[tuple[str, dict[str, str]]]) -> list[Monitor]:
    """Thousands by the product's verb would take half a minute, which is not what is measured."""
    check = MonitorCheck.objects.get(monitor=first)
    fields = {
        field.attname: getattr(first, field.attname)
        for field in Monitor._meta.concrete_fields
        if field.attname != "id"
    }
    made = Monitor.objects.bulk_create(
        [Monitor(**{**fields, "name": name, "config": {**first.config, **config}}) for name, config in named]
    )
    MonitorStanding.objects.bulk_create([MonitorStanding(monitor=monitor) for monitor in made])
    MonitorCheck.objects.bulk_create(
        [MonitorCheck(monitor=monitor, next_check_at=check.next_check_at) for monitor in made]
    )
    return made


def plan_evenly(interval_s: int, *, begin: datetime) -> None:
    """Their moments lie evenly within their interval, as they do after a while."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN_EVENLY, [begin, interval_s])
        cursor.execute("DROP TABLE IF EXISTS bench_planned")
        cursor.execute(
            "CREATE TABLE bench_planned AS SELECT monitor_id, next_check_at AS at FROM monitor_check"
        )
        cursor.execute("ANALYZE monitor, monitor_check, monitor_standing")


def watch(bench: Bench, *, seconds: int, interval_s: int) -> Watched:
    """What one prober does within the seconds, once it has started."""
    with running(bench.log, "manage.py", "prober", **environment(bench.url, port=1)) as pid:
        wait_for_beats(bench, 1)
        begin = timezone.now() + timedelta(seconds=1 if bench.options.quick else SETTLING_S)
        plan_evenly(interval_s, begin=begin)
        time.sleep(max((begin - timezone.now()).total_seconds(), 0))
        before, began = spent_s(), time.monotonic()
        time.sleep(seconds)
        took, after = time.monotonic() - began, spent_s()
        spent = {each: cost - before.get(each, 0.0) for each, cost in after.items()}
        # Asked while they live.
        database_s = sum(cost for each, cost in spent.items() if is_postgres(each))
    # Stopped, it has written down what it found.
    with connection.cursor() as cursor:
        cursor.execute(LATENESS, {"interval": interval_s, "begin": uuid7_floor(begin)})
        lateness = [float(late) for (late,) in cursor.fetchall()]
        cursor.execute("SELECT count(*) FROM beat WHERE state <> 1")
        (failed,) = cursor.fetchone() or (0,)
    if failed:
        raise CannotStart(f"{failed} checks of the target beside the prober failed.")
    if len(lateness) < 0.9 * MonitorCheck.objects.count() * seconds / interval_s:
        raise CannotStart(f"The prober did not keep up with what was due: {len(lateness)} checks.")
    return Watched(
        lateness_s=lateness,
        seconds=took,
        beats=len(lateness),
        prober_s=spent.get(pid, 0.0),
        database_s=database_s,
    )


def is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")
    except OSError:
        return False


def wait_for_beats(bench: Bench, least: int) -> None:
    until = time.monotonic() + START_S
    while bench.scalar("SELECT count(*) FROM beat") < least:
        if time.monotonic() > until:
            raise CannotStart("The prober did not keep up with what was due.")
        time.sleep(0.2)


def fill_bars() -> None:
    """An hour of checks for each monitor: bars are most of the page."""
    now = timezone.now()
    beats = [
        RecentBeat(
            at=now - timedelta(minutes=RECENT_BEATS - each), state=1, is_degraded=False, response_ms=12.5
        )
        for each in range(RECENT_BEATS)
    ]
    MonitorStanding.objects.update(recent=packed(beats))


def page_times(address: str, loads: int) -> list[float]:
    """Milliseconds of each load of the list."""
    times = []
    with httpx.Client(timeout=START_S) as client:
        for number in range(loads + 1):
            began = time.perf_counter()
            answer = client.get(f"{address}/monitors")
            if answer.status_code != 200 or "Shop" not in answer.text:
                raise CannotStart(f"The list of monitors was answered {answer.status_code}.")
            if number:
                times.append((time.perf_counter() - began) * 1000)
    return times


def pushers(bench: Bench, count: int) -> list[str]:
    """Addresses of push monitors, as Healthchecks says them."""
    with transaction.atomic():
        first = Monitor(organization=Organization.objects.default(), name="Job 0", kind="push")
        make_monitor(first, {}, now=timezone.now())
        jobs = copy_many(first, [(f"Job {number}", {}) for number in range(1, count)])
        PushTarget.objects.bulk_create([PushTarget(monitor=job, token=uuid4()) for job in jobs])
    return [f"/ping/{token}" for token in PushTarget.objects.values_list("token", flat=True)]


def pings_a_second(bench: Bench, server: tuple[str, ...], addresses: list[str], **more: str) -> list[Load]:
    with paths_file(bench, addresses) as paths, served(bench.url, *server, log=bench.log, **more) as address:
        # The first ping of each process connects to the database and reads the kinds.
        for each in addresses[:WARMING]:
            httpx.get(address + each, timeout=START_S).raise_for_status()
        loads = [
            load(address, connections=CONNECTIONS, seconds=max(bench.options.seconds, LEAST_S), paths=paths)
            for _ in bench.rounds_with_warming()
        ]
    return loads[-bench.options.rounds :]


@contextmanager
def paths_file(bench: Bench, addresses: list[str]) -> Iterator[Path]:
    file = bench.folder / "paths.txt"
    file.write_text("".join(f"{each}\n" for each in addresses))
    try:
        yield file
    finally:
        os.unlink(file)
