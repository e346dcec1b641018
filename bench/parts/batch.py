"""Batches through the door, beside raw COPY of the same rows into the same tables."""

import time

from bench.bench import BATCH_BODY_BYTES, Bench, mean_size
from bench.figures import Check, Result, Table, median, ratios, spread
from bench.floors.copying import Copier
from bench.rows import entries_of, fresh, ready_rows
from bench.traffic import Traffic
from bench.wrk import load

SIZES = (10, 100, 1_000, 10_000)
TARGET_SIZE = 1_000
CLIENTS = 1


def measure(bench: Bench) -> Result:
    sizes = (10, TARGET_SIZE) if bench.options.quick else SIZES
    posted: dict[int, list[float]] = {size: [] for size in sizes}
    paired: dict[int, list[float]] = {size: [] for size in sizes}
    copied: dict[int, list[float]] = {size: [] for size in sizes}
    with bench.product() as address:
        for number in bench.rounds_with_warming():
            for size in sizes:
                one, two = (post(bench, address, size, clients=clients) for clients in (1, 2))
                floor = copy(bench, size)
                if number:
                    posted[size].append(one)
                    paired[size].append(two)
                    copied[size].append(floor)
            bench.empty_tables()
    share = {size: [each * 100 for each in ratios(posted[size], copied[size])] for size in sizes}
    pair_share = {size: [each * 100 for each in ratios(paired[size], copied[size])] for size in sizes}
    rows = [
        [f"{size:,}", *map(spread, (posted[size], paired[size], copied[size])), told(share[size])]
        for size in sizes
    ]
    checks = [
        Check(
            what=f"batches of {TARGET_SIZE:,}, {who}",
            target="at least 60 % of raw COPY",
            reached=told(shares),
            met=median(shares) >= 60,
        )
        for who, shares in (("one client", share[TARGET_SIZE]), ("two clients", pair_share[TARGET_SIZE]))
    ]
    table = Table(
        title=f"Logs a second, by logs in a batch ({size_of_log(bench):,.0f} B a log)",
        columns=["batch of", "one client", "two clients", "raw COPY, one connection", "one client's share"],
        rows=rows,
        note="A client sends its next batch when the last one was answered. COPY begins with rows that are "
        "decoded, masked, named and packed already.",
    )
    return Result(part="batch", tables=[table], checks=checks)


def size_of_log(bench: Bench) -> float:
    return mean_size(bench.bodies_file(batch=TARGET_SIZE)) / TARGET_SIZE


def told(shares: list[float]) -> str:
    return spread(shares, unit=" %")


def post(bench: Bench, address: str, size: int, *, clients: int) -> float:
    """Logs a second that `clients` senders of batches reach together."""
    bodies = bench.bodies_file(batch=size)
    done = load(
        f"{address}/v1/logs/batch",
        connections=clients,
        seconds=bench.options.seconds,
        bodies=bodies,
        key=bench.key(),
    )
    return done.rate * size


def copy(bench: Bench, size: int) -> float:
    """Rows a second through COPY for about as long; making the rows is not counted."""
    calls = Traffic(median_body_bytes=BATCH_BODY_BYTES).calls(max(size, 100))
    entries = entries_of(calls, bench.sender())
    copier = Copier(bench.url)
    spent, kept = 0.0, 0
    while spent < bench.options.seconds / 2:
        rows, payloads = ready_rows(fresh(entries))
        began = time.perf_counter()
        for start in range(0, len(rows), size):
            copier.keep(rows[start : start + size], payloads[start : start + size])
        spent += time.perf_counter() - began
        kept += len(rows)
    copier.connection.close()
    return kept / spent
