"""Measured values, and how they are told: median and spread, never a best round."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Table:
    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A target of the issue and what this run reached."""

    what: str
    target: str
    reached: str
    met: bool


@dataclass(kw_only=True)
class Result:
    """What one part measured."""

    part: str
    tables: list[Table] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def as_plain_data(self) -> dict[str, Any]:
        return asdict(self)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], *, digits: int = 0, unit: str = "") -> str:
    """`1,234 (1,180-1,300)`: the median, and the lowest and highest round."""
    told = [f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))]
    return f"{told[0]}{unit} ({told[1]}-{told[2]})" if len(values) > 1 else f"{told[0]}{unit}"


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, because what slows a shared machine down slows neighbours in time alike."""
    return [over / under for over, under in zip(above, below, strict=True) if under]


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest of the values that `rank` per cent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(rank / 100 * len(ordered)) - 1, 0)]


def show(result: Result) -> str:
    """The result for a terminal."""
    lines = [f"\n=== {result.part}"]
    for table in result.tables:
        lines += ["", table.title, *_aligned([table.columns, *table.rows])]
        lines += [table.note] if table.note else []
    for check in result.checks:
        lines.append(f"{'met   ' if check.met else 'MISSED'} {check.what}: {check.reached} ({check.target})")
    return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
