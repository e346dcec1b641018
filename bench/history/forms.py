"""Templates of logs: calls that went through the product's pipeline, to be dated and numbered."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.floors.copying import LOG_COLUMNS, Row
from bench.history.wire import LogForm, form_of
from bench.rows import entries_of, ready_rows
from bench.traffic import RARE_PATH, RARE_TAG, SEED, SERVICES, Call, Traffic
from monitor.ingest.entry import Sender

POOL = 20_000
RARE_POOL = 20
NUMBER = re.compile(r"\d{6}")
PLACES = {name: place for place, name in enumerate(LOG_COLUMNS)}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A log without its moment, latency and numbers. `group` is what the rollups tell logs apart by."""

    form: LogForm
    packed: bytes
    group: tuple[bytes, str, str, str, int | None, bool]
    endpoint: bytes
    consumer: bytes
    request_bytes: int | None
    response_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Pool:
    usual: Sequence[Template]
    rare: Sequence[Template]


def make_pool(senders: Sequence[Sender], size: int) -> Pool:
    """Templates of all services, in the mixture of the traffic, and a few with a rare path and tag."""
    calls = Traffic().calls(min(POOL, size))
    rare = [replace(call, path=f"/v1/{RARE_PATH}/123456", tags=[RARE_TAG]) for call in calls[:RARE_POOL]]
    usual = templates_of(calls, senders)
    random.Random(SEED).shuffle(usual)
    return Pool(usual=usual, rare=templates_of(rare, senders))


def templates_of(calls: Sequence[Call], senders: Sequence[Sender]) -> list[Template]:
    made: list[Template] = []
    for number in range(len(SERVICES)):
        entries = entries_of([call for call in calls if call.service == number], senders[number])
        rows, payloads = ready_rows(entries)
        made += [template_of(row, packed) for row, (_, packed) in zip(rows, payloads, strict=True)]
    return made


def template_of(row: Row, packed: bytes) -> Template:
    value = {name: row[place] for name, place in PLACES.items()}
    number = NUMBER.search(value["path"])
    status = value["status_code"]
    return Template(
        form=form_of(row, number=number[0] if number else None),
        packed=packed,
        group=(
            *(value["service_id"].bytes, value["environment"], value["mode"], value["method"], status),
            value["error"] is not None or (status is not None and status >= 500),
        ),
        endpoint=value["endpoint_id"].bytes,
        consumer=value["consumer_id"].bytes if value["consumer_id"] else b"",
        request_bytes=value["request_bytes"],
        response_bytes=value["response_bytes"],
    )
