"""The figures as a document. `docs/performance.json` keeps them, `docs/performance.md` shows them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.figures import Result

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = DOCS / "performance.json"
DOCUMENT = DOCS / "performance.md"
BEGIN = "<!-- figures: written by scripts/bench --write -->"
END = "<!-- end of figures -->"


def write(results: Iterable[Result], *, machine: dict[str, str], command: str, day: str) -> None:
    """Replace the parts that were measured now; figures of other parts stay, with their own date."""
    known: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for result in results:
        known[result.part] = {
            **result.as_plain_data(), "machine": machine, "command": command, "day": day
        }  # fmt: skip
    FIGURES.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{render(known)}\n{END}{after}")


def render(known: dict[str, Any]) -> str:
    checks = [[*_check(check), part] for part, each in known.items() for check in each["checks"]]
    lines = ["## Targets", "", *_table(["what", "target", "reached", "", "part"], checks)]
    for part, each in known.items():
        lines += ["", f"## {part}", "", f"`{each['command']}` on {each['day']}: {_machine(each['machine'])}."]
        for table in each["tables"]:
            lines += ["", f"**{table['title']}**", "", *_table(table["columns"], table["rows"])]
            lines += ["", table["note"]] if table["note"] else []
    return "\n".join([*lines, ""])


def _check(check: dict[str, Any]) -> list[str]:
    return [check["what"], check["target"], check["reached"], "met" if check["met"] else "**missed**"]


def _machine(machine: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def _table(columns: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
