"""Fills 30 days with logs, quickly: days are loaded before their indexes are built.

Names come from the product's own pipeline, payloads are packed by it; only the door is left out.
"""

import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management import call_command, get_commands
from django.db import connection
from psycopg import sql

from apimonitor.supervisor.errors import CannotStart
from bench.bench import Bench
from bench.floors.copying import Row
from bench.rows import entries_of, ready_rows
from bench.traffic import RARE_PATH, RARE_TAG, SEED, SERVICES, Traffic
from monitor.ingest.store import LOG_COLUMNS, PAYLOAD_COLUMNS, copy
from monitor.lib.ids import uuid7_floor
from monitor.models.partitions import drop_day, existing_days, partition_name, start_of

POOL = 20_000
DAYS = 30
# About what a row takes with its indexes and, where it has one, its payload; the log of changes beside it.
BYTES_A_ROW = 1_300
BYTES_A_BARE_ROW = 750
# One log in this many has the rare tag, one the rare path.
RARE_EVERY = 25_000
ALL_BODIES_UP_TO = 5_000_000
REBUILD_COMMAND = "rebuild_rollups"

ID, PATH, TAGS = (list(LOG_COLUMNS).index(name) for name in ("id", "path", "tags"))
CAPTURED, RECEIVED = (list(LOG_COLUMNS).index(name) for name in ("captured_at", "received_at"))


def load_history(bench: Bench, count: int) -> datetime:
    """Replace what is kept by `count` logs of the last 30 days. Gives the moment of the newest."""
    require_space(bench.folder, count)
    now = datetime.now(UTC)
    pool = templates(bench, min(POOL, count))
    for day in existing_days():
        drop_day(day)
    for day, rows in groupby(history(pool, count, now), key=lambda pair: pair[0][CAPTURED].date()):
        load_day(day, rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) request_log")
        cursor.execute("VACUUM (ANALYZE) log_payload")
    fill_rollups()
    return now


def require_space(folder: Path, count: int) -> None:
    needed = count * (BYTES_A_ROW if count <= ALL_BODIES_UP_TO else BYTES_A_BARE_ROW) + 2_000_000_000
    free = shutil.disk_usage(folder).free
    if count > 10_000 and free < needed:
        raise CannotStart(
            f"{count:,} logs need {needed / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free."
        )


def templates(bench: Bench, size: int) -> list[tuple[Row, bytes]]:
    """Rows and payloads of calls, to be dated and numbered."""
    calls = Traffic().calls(size)
    pool: list[tuple[Row, bytes]] = []
    for number, name in enumerate(SERVICES):
        entries = entries_of([call for call in calls if call.service == number], bench.sender(name))
        rows, payloads = ready_rows(entries)
        pool += zip(rows, (packed for _, packed in payloads), strict=True)
    random.Random(SEED).shuffle(pool)
    return pool


def history(
    pool: Sequence[tuple[Row, bytes]], count: int, now: datetime
) -> Iterator[tuple[list[Any], bytes | None]]:
    """Rows in the order they happened, evenly over the days, with payloads for all or for one in ten."""
    chance = random.Random(SEED)
    step = timedelta(days=DAYS) / count
    start = now - timedelta(days=DAYS)
    bodies_every = 1 if count <= ALL_BODIES_UP_TO else 10
    rare_every = min(RARE_EVERY, max(count // 4, 1))
    for number in range(count):
        template, packed = pool[chance.randrange(len(pool))]
        moment = start + step * number
        row = list(template)
        row[ID] = UUID(int=uuid7_floor(moment).int | chance.getrandbits(62))
        row[CAPTURED] = row[RECEIVED] = moment
        if number % rare_every == rare_every // 2:
            row[PATH], row[TAGS] = f"/v1/{RARE_PATH}/{number}", [RARE_TAG]
        yield row, packed if number % bodies_every == 0 else None


def load_day(day: date, pairs: Iterator[tuple[list[Any], bytes | None]]) -> None:
    """A day's tables, filled bare and then attached, which builds their indexes in one go."""
    kept = list(pairs)
    packed = [(row[ID], content) for row, content in kept if content is not None]
    for table, columns, rows in (
        ("request_log", LOG_COLUMNS, [tuple(row) for row, _ in kept]),
        ("log_payload", PAYLOAD_COLUMNS, packed),
    ):
        name = partition_name(table, day)
        parts = {"day": sql.Identifier(name), "all": sql.Identifier(table)}
        bounds = [sql.Literal(uuid7_floor(start_of(each))) for each in (day, day + timedelta(days=1))]
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE TABLE {day} (LIKE {all} INCLUDING CONSTRAINTS INCLUDING STORAGE)").format(
                    **parts
                )
            )
            copy(name, columns, rows)
            cursor.execute(
                sql.SQL("ALTER TABLE {all} ATTACH PARTITION {day} FOR VALUES FROM ({}) TO ({})").format(
                    *bounds, **parts
                )
            )


def fill_rollups() -> None:
    """Metrics are kept beside the logs; whoever goes around the pipeline has them counted anew."""
    if REBUILD_COMMAND in get_commands():
        call_command(REBUILD_COMMAND, verbosity=0)
