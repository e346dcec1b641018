"""Cells: what the rollups hold. Facts are added up into them, and cells into coarser ones."""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import msgspec

from monitor.lib import histogram
from monitor.lib.histogram import Histogram
from monitor.metrics.facts import Fact, codec
from monitor.models.metrics import Family, Resolution

NO_STATUS = "none"
SECONDS: Mapping[Resolution, int] = {
    Resolution.MINUTE: 60,
    Resolution.TEN_MINUTES: 600,
    Resolution.HOUR: 3600,
    Resolution.SIX_HOURS: 6 * 3600,
    Resolution.DAY: 86_400,
    Resolution.FOUR_DAYS: 4 * 86_400,
    Resolution.SIXTEEN_DAYS: 16 * 86_400,
}
# Buckets; with more, a compressed row is the shorter form.
MOST_IN_LISTS = 48
FAMILIES: tuple[str, ...] = tuple(Family.values)
# Method and status code, with the number of requests that had both.
Answers = Counter[tuple[str, int | None]]


class Key(NamedTuple):
    """What a cell is of. `start` in seconds since the epoch; plain values, as there are millions."""

    service: bytes
    family: str
    resolution: str
    start: int
    subject: str
    environment: str
    mode: str
    source: str = "logs"


@dataclass(kw_only=True, slots=True)
class Cell:
    """Counts, bytes, latencies. Grows by `add_fact` and `merge`.

    `sized` are the requests that told the sizes of their bodies. `is_sized` is False where some are of times
    or clients that do not say how many did: these then count as if all had.
    """

    requests: int = 0
    errors: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    request_sized: int = 0
    response_sized: int = 0
    is_sized: bool = True
    answers: Answers = field(default_factory=Counter)
    latencies: Histogram = field(default_factory=Histogram)

    def add_fact(self, fact: Fact) -> None:
        self.requests += fact.requests
        self.errors += fact.requests if fact.failed else 0
        self.request_bytes += fact.request_bytes
        self.response_bytes += fact.response_bytes
        self.request_sized += fact.request_sized
        self.response_sized += fact.response_sized
        self.is_sized = self.is_sized and fact.is_sized
        self.answers[fact.method, fact.status_code] += fact.requests
        self.latencies.add_buckets(fact.buckets, total=fact.latency_ms)
        for bucket, count in fact.counts.items():
            self.latencies.add_bucket(bucket, count)

    def merge(self, other: "Cell") -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        self.request_sized += other.request_sized
        self.response_sized += other.response_sized
        self.is_sized = self.is_sized and other.is_sized
        self.answers.update(other.answers)
        self.latencies.merge(other.latencies)

    def agrees_with(self, other: "Cell") -> bool:
        """The same but for the order in which latencies were added up, and for what one cannot say."""
        gap = abs(self.latencies.total - other.latencies.total)
        return (
            self._counts() == other._counts()
            and (self._sized() == other._sized() or not (self.is_sized and other.is_sized))
            and gap <= 1e-9 * max(self.latencies.total, other.latencies.total)
        )

    def _sized(self) -> tuple[int, int]:
        return self.request_sized, self.response_sized

    def _counts(self) -> tuple[object, ...]:
        return (
            self.requests,
            self.errors,
            self.request_bytes,
            self.response_bytes,
            self.answers,
            self.latencies.zeros,
            self.latencies.counts,
        )


Cells = dict[Key, Cell]


def subject_of_answer(method: str, status_code: int | None) -> str:
    return f"{method} {NO_STATUS if status_code is None else status_code}"


def answer_of_subject(subject: str) -> tuple[str, int | None]:
    """The method and status code that `subject_of_answer` was given."""
    method, _, status = subject.rpartition(" ")
    return method, None if status == NO_STATUS else int(status)


def subject_of(fact: Fact, family: str) -> str:
    """The subject within this family that a fact belongs to."""
    if family == "answer":
        return subject_of_answer(fact.method, fact.status_code)
    if family == "endpoint":
        return str(UUID(bytes=fact.endpoint)) if fact.endpoint else ""
    if family == "consumer":
        return str(UUID(bytes=fact.consumer)) if fact.consumer else ""
    return ""


def minutes_of(facts: Iterable[Fact], families: Sequence[str] = FAMILIES) -> Cells:
    """The facts added up by minute, in every family or in these."""
    cells: Cells = defaultdict(Cell)
    for fact in facts:
        start = fact.minute * 60
        for family in families:
            subject = subject_of(fact, family)
            # Positions, since there are millions.
            key = Key(
                fact.service, family, "minute", start, subject, fact.environment, fact.mode, fact.source
            )
            cells[key].add_fact(fact)
    return dict(cells)


def coarser(cells: Cells, resolution: Resolution) -> Cells:
    """The cells added up by a longer span."""
    seconds = SECONDS[resolution]
    added: Cells = defaultdict(Cell)
    for key, cell in cells.items():
        start = key.start - key.start % seconds
        added[key._replace(resolution=str(resolution), start=start)].merge(cell)
    return dict(added)


class _Packed(msgspec.Struct, array_like=True, gc=False):
    """`scale` is said in each, as a client's own histograms may have another.

    A few buckets are lists of gaps and counts. Many are the lowest one and a compressed row of counts, which
    takes half of the room and is merged four times as fast.
    """

    answers: list[tuple[str, int | None, int]]
    scale: int
    zeros: int
    gaps: list[int] | int
    counts: list[int] | bytes


class _PackedAnswers(msgspec.Struct, array_like=True, gc=False):
    """The beginning of a _Packed; what follows is passed over."""

    answers: list[tuple[str, int | None, int]]


class _PackedLatencies(msgspec.Struct, array_like=True, gc=False):
    """A _Packed whose answers are passed over."""

    answers: msgspec.Raw
    scale: int
    zeros: int
    gaps: list[int] | int
    counts: list[int] | bytes


_encode = msgspec.msgpack.Encoder().encode
_decode_all = msgspec.msgpack.Decoder(list[_Packed]).decode
_decode_latencies = msgspec.msgpack.Decoder(list[_PackedLatencies]).decode
# A list of so many, in msgpack; what is in it follows.
LIST_OF = struct.Struct(">BI")
LIST_32 = 0xDD
_decode = msgspec.msgpack.Decoder(_Packed).decode
_decode_answers = msgspec.msgpack.Decoder(_PackedAnswers).decode
_decode_all_answers = msgspec.msgpack.Decoder(list[_PackedAnswers]).decode


def pack(cell: Cell) -> bytes:
    """What has no column of its own: counts by method and status, and the histogram."""
    answers = sorted(
        ((method, status_code, count) for (method, status_code), count in cell.answers.items()),
        key=lambda answer: (answer[0], -1 if answer[1] is None else answer[1]),
    )
    latencies = cell.latencies
    gaps, counts = latencies.to_arrays()
    packed = _Packed(answers=answers, scale=histogram.SCALE, zeros=latencies.zeros, gaps=gaps, counts=counts)
    if len(gaps) > MOST_IN_LISTS:
        packed.gaps, row = latencies.to_row()
        packed.counts = codec.compressor.compress(row)
    return _encode(packed)


def answers_of(packed: bytes | memoryview) -> list[tuple[str, int | None, int]]:
    """Method, status code and requests of each answer that `pack` packed."""
    return _decode_answers(packed).answers


def answers_in_all(packed: bytes, count: int) -> Iterator[tuple[str, int | None, int]]:
    """Method, status code and requests of each answer that `pack` packed so many times, end to end."""
    for read in _decode_all_answers(LIST_OF.pack(LIST_32, count) + packed):
        yield from read.answers


def unpack_into(cell: Cell, packed: bytes | memoryview, *, latency_ms: float) -> None:
    """Add what `pack` packed."""
    _add(cell.answers, cell.latencies, [_decode(packed)])
    cell.latencies.total += latency_ms


def unpack_all_into(
    cell: Cell, packed: bytes, count: int, *, latency_ms: float, with_answers: bool = True
) -> None:
    """Add what `pack` packed so many times, end to end; or without its answers."""
    written = LIST_OF.pack(LIST_32, count) + packed
    if with_answers:
        _add(cell.answers, cell.latencies, _decode_all(written))
    else:
        _add(None, cell.latencies, _decode_latencies(written))
    cell.latencies.total += latency_ms


def _add(
    answers: Answers | None, latencies: Histogram, packed: Sequence[_Packed] | Sequence[_PackedLatencies]
) -> None:
    """Add what was decoded, but for the sum of the latencies. Thousands of rows while someone waits."""
    decompress = codec.decompressor.decompress
    for read in packed:
        if answers is not None and isinstance(read, _Packed):
            for method, status_code, count in read.answers:
                answers[method, status_code] += count
        if isinstance(read.gaps, int):
            latencies.add_row(read.gaps, decompress(bytes(read.counts)), zeros=read.zeros, total=0.0)
        else:
            latencies.add_arrays(read.gaps, list(read.counts), zeros=read.zeros, total=0.0)
