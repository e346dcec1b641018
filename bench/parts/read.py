"""How long readers wait, with few logs and with many: through HTTP, the sizes in alternating rounds."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.bench import Bench
from bench.figures import Check, Result, Table, median, ratios
from bench.history.kept import histories
from bench.installation import OURS, served
from bench.reading.asking import Answered, Reader, ask_all
from bench.reading.questions import TARGETS, Kind, Question

EXPLAINED = Path(__file__).resolve().parents[2] / "var" / "bench"


def measure(bench: Bench) -> Result:
    options = bench.options
    with (
        histories(options.rows, kept_in=options.data, postgres=options.postgres) as kept,
        ExitStack() as servers,
    ):
        readers = [
            Reader.of(each, servers.enter_context(served(each.url, *OURS, log=each.log))) for each in kept
        ]
        ask_all(readers, rounds=options.rounds)
        explain(readers[-1], most=1 if options.quick else 100)
    loaded = ", ".join(f"{each.rows:,} in {each.seconds:,.0f} s" for each in kept)
    return Result(
        part="read",
        tables=tables_of(readers, note=f"The bench's loader filled the databases: {loaded}."),
        checks=checks_of(readers),
    )


def explain(reader: Reader, *, most: int) -> None:
    """The plans of whatever missed its target, into files, slowest first."""
    slow = [each for each in reader.questions if is_slow(each, reader.heard[each.name])]
    slow.sort(key=lambda each: -median(reader.heard[each.name].ms))
    folder = EXPLAINED / f"explain-{reader.history.rows}"
    lines = "".join(f"{each.name}\t{each.path}\n" for each in slow[:most])
    reader.history.run("bench.reading.plans", str(folder), told=lines)


def is_slow(question: Question, answered: Answered) -> bool:
    target = TARGETS.get(question.kind)
    return target is not None and answered.status == 200 and median(answered.ms) >= target.ms


def tables_of(readers: Sequence[Reader], *, note: str) -> list[Table]:
    columns = ["", *(f"{reader.history.rows:,} logs" for reader in readers), "growth"]
    tables: list[Table] = []
    for kind in Kind:
        names = [each.name for each in readers[0].questions if each.kind == kind]
        rows = [
            [name, *(told(reader.heard[name]) for reader in readers), growth_told(readers, name)]
            for name in names
        ]
        title = f"{kind}: ms until the whole answer is there, median (lowest-highest)"
        tables.append(Table(title=title, columns=columns, rows=rows, note=note if kind == Kind.FLOOR else ""))
    return tables


def told(answered: Answered) -> str:
    if answered.status != 200:
        return f"answers {answered.status}"
    part = "" if answered.is_complete else " partial"
    return f"{median(answered.ms):,.1f} ({min(answered.ms):,.1f}-{max(answered.ms):,.1f}){part}"


def growth(readers: Sequence[Reader], name: str) -> float:
    """How many times as long the most logs take as the fewest, round by round."""
    return median(ratios(readers[-1].heard[name].ms, readers[0].heard[name].ms))


def growth_told(readers: Sequence[Reader], name: str) -> str:
    return f"{growth(readers, name):.1f} x" if len(readers) > 1 else ""


def checks_of(readers: Sequence[Reader]) -> list[Check]:
    """Two lines for each kind of target: how many questions kept it, and the worst."""
    last = readers[-1]
    checks: list[Check] = []
    for kind, target in TARGETS.items():
        heard = {each.name: last.heard[each.name] for each in last.questions if each.kind == kind}
        ms = {name: median(each.ms) for name, each in heard.items()}
        checks.append(
            check(f"{kind}, {last.history.rows:,} logs", ms, limit=target.ms, unit=" ms", words="under")
        )
        if target.growth is not None and len(readers) > 1:
            what = f"{kind}, {last.history.rows:,} logs beside {readers[0].history.rows:,}"
            grown = {name: growth(readers, name) for name in heard}
            checks.append(check(what, grown, limit=target.growth, unit=" times", words="at most"))
    return checks


def check(what: str, values: dict[str, float], *, limit: float, unit: str, words: str) -> Check:
    beyond = [name for name, value in values.items() if value > limit]
    worst = max(values, key=lambda name: values[name])
    return Check(
        what=what,
        target=f"{words} {limit:g}{unit}",
        reached=f"{len(values) - len(beyond)} of {len(values)}; most: {worst}, {values[worst]:,.1f}{unit}",
        met=not beyond,
    )
