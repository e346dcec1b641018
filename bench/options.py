"""How large and how long a run is."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    part: str
    quick: bool
    write: bool
    rounds: int
    seconds: int
    rows: tuple[int, ...]
    postgres: Path | None
    """The folder of the PostgreSQL to use; None for the embedded one."""
    data: Path | None
    """Where loaded databases are kept for the next run; None to remove them."""


def read_options(arguments: list[str], parts: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures API Monitor beside floors of the same machine, on a fresh database of its own.",
    )
    parser.add_argument("part", choices=[*parts, "all"])
    parser.add_argument("--quick", action="store_true", help="a smoke run: seconds, and no figures to quote")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md, with machine and date"
    )
    parser.add_argument("--rounds", type=int, help="alternating rounds (5); the median counts")
    parser.add_argument("--seconds", type=int, help="seconds of load in each round (5)")
    parser.add_argument("--rows", help="rows for read and disk, several with commas (100000,1000000)")
    parser.add_argument("--postgres", help="a major version of Debian's, or a folder of binaries")
    parser.add_argument("--data", type=Path, help="keep what was loaded for read here, and use what is kept")
    given = parser.parse_args(arguments)
    rows = given.rows or ("1000,2000" if given.quick else "100000,1000000")
    return Options(
        part=given.part,
        quick=given.quick,
        write=given.write,
        rounds=given.rounds or (1 if given.quick else 5),
        seconds=given.seconds or (1 if given.quick else 5),
        rows=tuple(int(number.replace("_", "")) for number in rows.split(",")),
        data=given.data.resolve() if given.data else None,
        postgres=postgres_folder(given.postgres) if given.postgres else None,
    )


def postgres_folder(named: str) -> Path:
    return Path(f"/usr/lib/postgresql/{named}/bin") if named.isdigit() else Path(named)
