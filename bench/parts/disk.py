"""Bytes on disk for each log, beside the usual one table with JSONB columns and five B-trees."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection
from msgspec.structs import replace
from psycopg.types.json import Jsonb

from bench.bench import Bench
from bench.figures import Check, Result, Table
from bench.floors.plain.table import make_plain_table
from bench.rows import entries_of
from bench.traffic import Call, Traffic
from monitor.ingest.entry import Entry
from monitor.ingest.store import store_batch
from monitor.lib.ids import uuid7_at
from monitor.models.dictionaries import forget_dictionaries
from monitor.packing.learning import learn

POOL = 20_000
BATCH = 1_000
# Bytes a log do not change beyond this, and ten times as many would be written twice to tell.
MOST = 1_000_000
# When the worker has learnt what payloads are packed by; it looks once an hour.
LEARNT_AFTER = 20_000
# As fast as a busy service sends: how ids lie beside each other decides how full index pages get.
STEP = timedelta(milliseconds=5)
PLAIN_COLUMNS = (
    *("id", "service_id", "method", "url", "path", "status_code", "latency_ms", "query_params"),
    *("request_headers", "request_body", "response_headers", "response_body", "error", "source_ip", "tags"),
    *("consumer", "environment", "trace_id", "captured_at"),
)


def measure(bench: Bench) -> Result:
    count = min(bench.options.rows[-1], MOST)
    make_plain_table()
    calls = Traffic().calls(min(POOL, count))
    fill_ours(bench, calls, count)
    fill_plain(bench, calls, count)
    vacuum()
    ours = {table: partitioned_size(bench, table) for table in ("request_log", "log_payload")}
    plain = bench.scalar("SELECT pg_total_relation_size('bench_plain_log')")
    logs, indexes = ours["request_log"]
    payloads = sum(ours["log_payload"])
    metadata, total = (logs + indexes) / count, (logs + indexes + payloads) / count
    return Result(
        part="disk",
        tables=[
            Table(
                title=f"Bytes a log, at {count:,} logs that came by batches of {BATCH:,}",
                columns=["", "B"],
                rows=[
                    ["rows", f"{logs / count:,.0f}"],
                    *([f"index {name}", f"{size / count:,.0f}"] for name, size in index_sizes()),
                    ["metadata with indexes", f"{metadata:,.0f}"],
                    ["headers and bodies, packed, with their index", f"{payloads / count:,.0f}"],
                    ["all", f"{total:,.0f}"],
                    ["the same logs in one JSONB table with five B-trees", f"{plain / count:,.0f}"],
                ],
                note=f"The worker learnt what payloads are packed by after {LEARNT_AFTER:,} logs.",
            )
        ],
        checks=[
            Check(what="metadata with indexes", target="under 600 B a log",
                  reached=f"{metadata:,.0f} B", met=metadata < 600),
            Check(what="all of a log, beside the one-table layout", target="at least 2.5 times smaller",
                  reached=f"{plain / count / total:.2f} times", met=plain / count / total >= 2.5),
        ],
    )  # fmt: skip


def moments(count: int) -> Iterator[datetime]:
    """A moment for each log, the last one now."""
    now = datetime.now(UTC)
    return (now - STEP * (count - number) for number in range(count))


def fill_ours(bench: Bench, calls: Sequence[Call], count: int) -> None:
    """Through the product's own way of keeping logs."""
    entries = entries_of(calls, bench.sender())
    batch: list[Entry] = []
    for number, moment in enumerate(moments(count)):
        entry = entries[number % len(entries)]
        trace_id = entry.trace_id and uuid4().hex
        batch.append(
            replace(entry, id=uuid7_at(moment), trace_id=trace_id, captured_at=moment, received_at=moment)
        )
        if len(batch) == BATCH or number == count - 1:
            store_batch(batch, now=moment)
            batch.clear()
        if number == LEARNT_AFTER:
            learn(entry.organization_id, now=moment)
            forget_dictionaries()


def fill_plain(bench: Bench, calls: Sequence[Call], count: int) -> None:
    service_id = bench.service()[0].id
    # The plain layout gets the masking and nothing else: the same values are kept.
    made = [plain_row(call) for call in calls]
    statement = f"COPY bench_plain_log ({', '.join(PLAIN_COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_plain_log")
        with cursor.copy(statement) as writer:
            for number, moment in enumerate(moments(count)):
                writer.write_row((uuid4(), service_id, *made[number % len(made)], moment))


def plain_row(call: Call) -> tuple[Any, ...]:
    item = call.as_item()
    values = (item.get(name) for name in PLAIN_COLUMNS[2:-1])
    row = [Jsonb(value) if isinstance(value, dict | list) else value for value in values]
    row[PLAIN_COLUMNS.index("tags") - 2] = Jsonb(call.tags)
    row[PLAIN_COLUMNS.index("request_headers") - 2] = Jsonb(
        {**call.request_headers, "authorization": "***MASKED***"}
    )
    return tuple(row)


def vacuum() -> None:
    with connection.cursor() as cursor:
        for table in ("request_log", "log_payload", "bench_plain_log"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def partitioned_size(bench: Bench, table: str) -> tuple[int, int]:
    """Bytes of the rows of all days, and of their indexes."""
    sums = "sum(pg_table_size(relid))::bigint, sum(pg_indexes_size(relid))::bigint"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sums} FROM pg_partition_tree('{table}') WHERE isleaf")
        rows, indexes = cursor.fetchone()
    return rows, indexes


def index_sizes() -> list[tuple[str, int]]:
    """Bytes of each index of the rows' table, over all days."""
    statement = """
        SELECT parent.relname, sum(pg_relation_size(leaf.indexrelid))::bigint
        FROM pg_partition_tree('request_log') tree
        JOIN pg_index leaf ON leaf.indrelid = tree.relid
        JOIN pg_inherits up ON up.inhrelid = leaf.indexrelid
        JOIN pg_class parent ON parent.oid = up.inhparent
        WHERE tree.isleaf GROUP BY 1 ORDER BY 2 DESC
    """
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
