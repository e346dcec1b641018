"""Single posts: how many a second, beside what the machine could do and what the usual way does."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.bench import Bench, mean_size
from bench.figures import Check, Result, Table, median, percentile, ratios, spread
from bench.floors.copying import copy_rate
from bench.floors.plain.table import make_plain_table
from bench.installation import served
from bench.rows import entries_of, fresh, ready_rows
from bench.schedule import Outcome, Schedule, name_of
from bench.traffic import Traffic
from bench.wrk import Load, load

CONNECTIONS = (1, 8, 32, 128)
BARE = ("-c", "python:apimonitor.serving", "bench.floors.bare:application")
PLAIN = ("-k", "gthread", "--workers", "2", "--threads", "10", "--no-control-socket",
         "bench.floors.plain.wsgi:application")  # fmt: skip
TARGET_CONNECTIONS = 32
Contestant = Callable[[int], Load]


def measure(bench: Bench) -> Result:
    result = Result(part="ingest")
    bodies, seconds = bench.bodies_file(), bench.options.seconds
    connections = (TARGET_CONNECTIONS,) if bench.options.quick else CONNECTIONS
    with ExitStack() as stack:
        contestants = start(bench, stack, bodies)
        for contestant in contestants.values():
            contestant(TARGET_CONNECTIONS)  # Connections are opened, caches are filled.
        loads: dict[tuple[str, int], list[Load]] = {}
        copied: list[float] = []
        for _ in range(bench.options.rounds):
            copied.append(raw_copy(bench))
            for count in connections:
                for name, contestant in contestants.items():
                    loads.setdefault((name, count), []).append(contestant(count))
    result.tables.append(
        Table(
            title=f"Single posts a second, of {mean_size(bodies):,.0f} B on average ({seconds} s a round)",
            columns=["server", *(f"{count} connections" for count in connections)],
            rows=[
                [name, *(spread([each.rate for each in loads[name, count]]) for count in connections)]
                for name in contestants
            ],
            note=f"The same rows through raw COPY, 1,000 in a transaction: {spread(copied)} rows a second.",
        )
    )
    result.tables.append(
        Table(
            title="Processor time for each post, servers and PostgreSQL together",
            columns=["server", *(f"{count} connections, us" for count in connections)],
            rows=[
                [name, *(spread([each.cost_us for each in loads[name, count]]) for count in connections)]
                for name in contestants
            ],
        )
    )
    rates = {name: [each.rate for each in loads[name, TARGET_CONNECTIONS]] for name in contestants}
    plain, bare = ratios(rates["ours"], rates["plain DRF"]), ratios(rates["ours"], rates["bare ASGI"])
    result.checks += [
        Check(what="single post, 32 connections, beside plain DRF", target="at least 15 x",
              reached=spread(plain, digits=1, unit=" x"), met=median(plain) >= 15),
        Check(what="single post, 32 connections, beside bare ASGI", target="at least 60 %",
              reached=spread([each * 100 for each in bare], unit=" %"), met=median(bare) >= 0.6),
    ]  # fmt: skip
    half_peak(bench, result, rate=median(rates["ours"]) / 2)
    return result


def start(bench: Bench, stack: ExitStack, bodies: Path) -> dict[str, Contestant]:
    """All servers at once; an idle one costs nothing, and each then runs in turn."""
    make_plain_table()
    ours = stack.enter_context(bench.product())
    bare = stack.enter_context(served(bench.url, *BARE, log=bench.log))
    plain = stack.enter_context(served(bench.url, *PLAIN, log=bench.log, ready="/v1/logs"))
    seconds, key = bench.options.seconds, bench.key()
    # Every process has met every endpoint and consumer before it is measured.
    load(f"{ours}/v1/logs/batch", connections=2, seconds=4, bodies=bench.bodies_file(batch=100), key=key)

    def posting(address: str) -> Contestant:
        return lambda count: load(
            f"{address}/v1/logs", connections=count, seconds=seconds, bodies=bodies, key=key
        )

    return {
        "ours": posting(ours),
        "bare ASGI": posting(bare),
        "plain DRF": posting(plain),
        "empty view of ours": lambda count: load(f"{ours}/health/live", connections=count, seconds=seconds),
    }


def raw_copy(bench: Bench) -> float:
    entries = entries_of(Traffic().calls(1_000), bench.sender())
    # Several groups, so that one slow commit does not decide.
    rows, payloads = ready_rows(
        [entry for _ in range(1 if bench.options.quick else 10) for entry in fresh(entries)]
    )
    return copy_rate(bench.url, rows, payloads, group=1_000)


def half_peak(bench: Bench, result: Result, *, rate: float) -> None:
    """Latency where an installation should be run, and whether every answer has exactly one row."""
    outcomes: list[Outcome] = []
    lost = doubled = 0
    with bench.product() as address:
        for _ in range(bench.options.rounds):
            bench.empty_tables()
            schedule = Schedule(f"{address}/v1/logs", key=bench.key(), bodies=numbered_bodies())
            outcomes.append(schedule.run(rate=rate, seconds=bench.options.seconds))
            missing, more = compare(bench, outcomes[-1])
            lost, doubled = lost + missing, doubled + more
    p99 = [percentile(each.latencies_ms, 99) for each in outcomes]
    failed = sum(each.refused + each.unanswered for each in outcomes)
    result.tables.append(
        Table(
            title=f"Half the peak: {rate:,.0f} posts a second at fixed moments, 64 connections",
            columns=["latency from the moment a request was due", "ms"],
            rows=[
                [f"p{rank:g}", spread([percentile(each.latencies_ms, rank) for each in outcomes], digits=1)]
                for rank in (50, 95, 99, 99.9)
            ],
            note=f"{sum(len(each.accepted) for each in outcomes):,} posts: {failed} refused or unanswered, "
            f"{lost} lost, {doubled} doubled.",
        )
    )
    result.checks += [
        Check(what="p99 of single posts at half the peak rate", target="under 50 ms",
              reached=spread(p99, digits=1, unit=" ms"), met=median(p99) < 50),
        Check(what="posts at half the peak that were lost or doubled", target="none",
              reached=f"{lost + failed} and {doubled}", met=not (lost or doubled or failed)),
    ]  # fmt: skip


def numbered_bodies() -> list[tuple[bytes, bytes]]:
    """Bodies cut in two where the request's number goes."""
    import msgspec

    mark = "f" * 32
    items = [{**call.as_item(), "trace_id": mark} for call in Traffic().calls(500)]
    halves = [msgspec.json.encode(item).partition(mark.encode()) for item in items]
    return [(before, behind) for before, _, behind in halves]


def compare(bench: Bench, outcome: Outcome) -> tuple[int, int]:
    """How many answered posts have no row, and how many rows there are too many."""
    rows: list[str] = bench.scalar("SELECT coalesce(array_agg(trace_id), '{}') FROM request_log")
    kept = set(rows)
    lost = sum(name_of(number) not in kept for number in outcome.accepted)
    return lost, len(rows) - len(kept)
