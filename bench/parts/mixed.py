"""Writing and reading at once: what each costs the other."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.bench import Bench
from bench.figures import Result, Table, percentile, spread
from bench.parts.ingest import numbered_bodies
from bench.schedule import Outcome, Schedule
from bench.wrk import Load, load

WRITES = 500
READERS = 4
NEWEST = "/v1/logs?limit=50"
START_S = 60


def measure(bench: Bench) -> Result:
    alone: list[Outcome] = []
    reading: list[Load] = []
    both: list[tuple[Outcome, Load]] = []
    with bench.product() as address, ThreadPoolExecutor(2) as pool:
        # The first list of a fresh process takes longer than a short round.
        headers = {"Authorization": f"Bearer {bench.key()}"}
        httpx.get(address + NEWEST, headers=headers, timeout=START_S).raise_for_status()
        for _ in range(bench.options.rounds):
            alone.append(write(bench, address))
            reading.append(read(bench, address))
            written, read_too = pool.submit(write, bench, address), pool.submit(read, bench, address)
            both.append((written.result(), read_too.result()))
    return Result(
        part="mixed",
        tables=[
            Table(
                title=f"{WRITES} posts a second at fixed moments, and {READERS} readers of the newest 50",
                columns=["", "alone", "together"],
                rows=[
                    ["post p50, ms", writes(alone, 50), writes([each for each, _ in both], 50)],
                    ["post p99, ms", writes(alone, 99), writes([each for each, _ in both], 99)],
                    ["lists a second", rates(reading), rates([each for _, each in both])],
                    ["list p50, ms", medians(reading), medians([each for _, each in both])],
                ],
            )
        ],
    )


def write(bench: Bench, address: str) -> Outcome:
    schedule = Schedule(f"{address}/v1/logs", key=bench.key(), bodies=numbered_bodies())
    return schedule.run(rate=WRITES, seconds=bench.options.seconds)


def read(bench: Bench, address: str) -> Load:
    return load(f"{address}{NEWEST}", connections=READERS, seconds=bench.options.seconds, key=bench.key())


def writes(outcomes: list[Outcome], rank: float) -> str:
    return spread([percentile(each.latencies_ms, rank) for each in outcomes], digits=1)


def rates(loads: list[Load]) -> str:
    return spread([each.rate for each in loads])


def medians(loads: list[Load]) -> str:
    return spread([each.p50_ms for each in loads], digits=1)
