"""The bench measures what it says, also when nobody has looked at it for a while."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.figures import Check, Result, Table, percentile, ratios, spread
from bench.parts import NAMES
from bench.parts.memory import kind_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(1_200)
def test_every_part_runs_in_its_quick_form():
    """One run for all that is asserted: it takes a minute or two, and two would disturb each other."""
    if shutil.which("wrk") is None:
        pytest.skip("there is no wrk here (Debian: apt install wrk)")
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "all", "--quick"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip

    shown = done.stdout
    assert done.returncode == 0, shown[-2000:] + done.stderr[-2000:]
    assert [part for part in NAMES if f"=== {part}\n" not in shown] == []
    assert "0 refused or unanswered, 0 lost, 0 doubled" in shown
    assert "answers 4" not in shown
    assert "answers 5" not in shown


def test_a_median_is_told_with_its_spread():
    assert spread([3.0, 1.0, 2.0], unit=" ms") == "2 ms (1-3)"


def test_ratios_are_taken_round_by_round():
    assert ratios([10, 40], [5, 10]) == [2, 4]


@pytest.mark.parametrize(("rank", "expected"), [(50, 50), (99, 99), (99.9, 100), (100, 100)])
def test_a_percentile_is_a_value_that_was_seen(rank, expected):
    assert percentile([*range(100, 0, -1)], rank) == expected


def test_written_figures_replace_their_part_and_leave_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(report, "DOCUMENT", tmp_path / "page.md")
    (tmp_path / "page.md").write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    for part, reached in (("disk", "9 B"), ("memory", "7 MiB"), ("disk", "5 B")):
        report.write([a_result(part, reached)], machine={"cores": "2"}, command="scripts/bench", day="today")

    page = (tmp_path / "page.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "9 B" not in page
    assert page.count("5 B") == 2  # once among the targets, once in the part's own table
    assert "7 MiB" in page
    assert list(json.loads((tmp_path / "figures.json").read_text())) == ["disk", "memory"]


def a_result(part: str, reached: str) -> Result:
    return Result(
        part=part,
        tables=[Table(title="a table", columns=["", "x"], rows=[["row", reached]])],
        checks=[Check(what=part, target="small", reached=reached, met=True)],
    )


def test_each_process_is_counted_as_what_it_is():
    commands = {
        "gunicorn: master": "web",
        "python manage.py procrastinate worker": "worker",
        "python manage.py deliver": "deliverer",
        "python manage.py prober": "prober",
        "python -m apimonitor.supervisor.up": "supervisor",
        "postgres: checkpointer": "PostgreSQL",
    }

    assert {command: kind_of(command) for command in commands} == commands
