"""Fills the days: each day's tables are loaded bare, and attaching them builds all indexes in one go."""

import random
import shutil
import struct
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from django.db import connection, transaction
from psycopg import sql

from apimonitor.supervisor.errors import CannotStart
from bench.floors.copying import LOG_COLUMNS, PAYLOAD_COLUMNS
from bench.history.forms import Pool, Template, make_pool
from bench.history.tally import Tally
from bench.history.wire import HEADER, ID_DIGITS, TRACE_DIGITS, TRAILER, payload_row, wire_moment
from bench.traffic import SEED
from monitor.ingest.entry import Sender
from monitor.lib.histogram import bucket_of
from monitor.lib.ids import uuid7_floor
from monitor.metrics import rollups
from monitor.metrics.folds import fold
from monitor.models.partitions import drop_day, existing_days, partition_name, start_of

DAYS = 30
# About what a row takes with its indexes and, where it has one, its payload; the log of changes beside it.
BYTES_A_ROW = 1_500
BYTES_A_BARE_ROW = 850
# One log in this many has the rare path and the rare tag.
RARE_EVERY = 25_000
ALL_BODIES_UP_TO = 5_000_000
LATENCIES = 65_536
CHUNK_BYTES = 1 << 20
# Of a UUIDv7: what stands before and behind its random bits, as numbers.
RANDOM_BITS = 62


def load_history(senders: list[Sender], count: int, *, now: datetime) -> None:
    """Replace what is kept by `count` logs of the 30 days before `now`, with rollups and statistics."""
    pool = make_pool(senders, count)
    with connection.cursor() as cursor:
        # Nothing here has to outlive a crash, and indexes are built from whole days.
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("TRUNCATE metric_rollup, metric_delta, metric_fold")
    for day in existing_days():
        drop_day(day)
    chance = random.Random(SEED)
    for day, numbers in groupby(range(count), key=lambda number: moment_of(number, count, now).date()):
        load_day(day, pool, numbers, count, chance, now=now)
    fold(now=now)
    with connection.cursor() as cursor:
        for table in ("request_log", "log_payload", "metric_rollup"):
            cursor.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        cursor.execute("CHECKPOINT" if can_checkpoint() else "SELECT 1")


def can_checkpoint() -> bool:
    """Whether this role may ask for one, so that the first questions do not wait for writing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role(current_user, 'pg_checkpoint', 'member')")
        return bool(cursor.fetchone()[0])


def require_space(folder: Path, count: int) -> None:
    needed = count * (BYTES_A_ROW if count <= ALL_BODIES_UP_TO else BYTES_A_BARE_ROW) + 2_000_000_000
    free = shutil.disk_usage(folder).free
    if count > 10_000 and free < needed:
        raise CannotStart(
            f"{count:,} logs need {needed / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free."
        )


def moment_of(number: int, count: int, now: datetime) -> datetime:
    """Evenly over the days, to the microsecond."""
    return now - timedelta(days=DAYS) + timedelta(days=DAYS) * number / count


def load_day(
    day: date, pool: Pool, numbers: Iterator[int], count: int, chance: random.Random, *, now: datetime
) -> None:
    tally = Tally.of_day(day, now=now)
    payloads: list[bytes] = []
    with transaction.atomic():
        write_table("request_log", LOG_COLUMNS, day, made(pool, numbers, count, chance, now, tally, payloads))
        write_table("log_payload", PAYLOAD_COLUMNS, day, payloads)
        rollups.write(tally.cells(now=now))


def made(
    pool: Pool,
    numbers: Iterator[int],
    count: int,
    chance: random.Random,
    now: datetime,
    tally: Tally,
    payloads: list[bytes],
) -> Iterator[bytes]:
    """The rows of a day; their payloads and numbers are noted on the way."""
    latencies = latency_pool()
    bodies_every = 1 if count <= ALL_BODIES_UP_TO else 10
    rare_every = min(RARE_EVERY, max(count // 4, 1))
    usual, rare = pool.usual, pool.rare
    for number in numbers:
        moment = moment_of(number, count, now)
        is_rare = number % rare_every == rare_every // 2
        template: Template = rare[number % len(rare)] if is_rare else usual[int(chance.random() * len(usual))]
        latency_ms, latency, bucket = latencies[int(chance.random() * LATENCIES)]
        bits = chance.getrandbits(TRACE_DIGITS * 4)
        id_bytes = (uuid7_floor(moment).int | bits >> (TRACE_DIGITS * 4 - RANDOM_BITS)).to_bytes(16)
        if number % bodies_every == 0:
            payloads.append(payload_row(id_bytes, template.packed))
        tally.add(int(moment.timestamp()) // 60, template, latency_ms, bucket)
        yield template.form.fill(
            id=id_bytes,
            number=b"%0*d" % (ID_DIGITS, bits % 10**ID_DIGITS),
            latency=latency,
            trace=b"%0*x" % (TRACE_DIGITS, bits),
            moment=wire_moment(moment),
        )


def latency_pool() -> list[tuple[float, bytes, int]]:
    """Log-normal latencies: milliseconds, the same on the wire, the bucket of the rollups."""
    chance = random.Random(SEED)
    values = (round(chance.lognormvariate(3.6, 0.9), 3) for _ in range(LATENCIES))
    return [(value, struct.pack(">d", value), bucket_of(value)) for value in values]


def write_table(table: str, columns: dict[str, str], day: date, rows: Iterator[bytes] | list[bytes]) -> None:
    name = partition_name(table, day)
    parts = {"day": sql.Identifier(name), "all": sql.Identifier(table)}
    bounds = [sql.Literal(uuid7_floor(start_of(each))) for each in (day, day + timedelta(days=1))]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {day} (LIKE {all} INCLUDING CONSTRAINTS INCLUDING STORAGE)").format(**parts)
        )
        statement = f"COPY {name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(statement) as writer:
            waiting = bytearray(HEADER)
            for row in rows:
                waiting += row
                if len(waiting) > CHUNK_BYTES:
                    writer.write(bytes(waiting))
                    waiting.clear()
            writer.write(bytes(waiting + TRAILER))
        cursor.execute(
            sql.SQL("ALTER TABLE {all} ATTACH PARTITION {day} FOR VALUES FROM ({}) TO ({})").format(
                *bounds, **parts
            )
        )
