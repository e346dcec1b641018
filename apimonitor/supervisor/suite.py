"""`scripts/test`: every check, one after the other, with a summary and a count at the end."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apimonitor.supervisor.errors import run_main, say

ROOT = Path(__file__).resolve().parents[2]
TYPED = ("apimonitor", "bench", "monitor", "clients/python/src")
OLDEST_POSTGRES = Path("/usr/lib/postgresql/15/bin")
SPEAKS_SQL = re.compile(r"\bpytest\.mark\.(sql|trgm)\b")


@dataclass(frozen=True, kw_only=True)
class Step:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    junit: Path | None = None
    """Where pytest leaves its counts."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    name: str
    code: int
    seconds: float
    passed: int = 0
    failed: int = 0


def main(arguments: list[str]) -> int:
    environment = clean_environment(os.environ)
    if arguments:
        return subprocess.run(python("pytest", *arguments), cwd=ROOT, env=environment, check=False).returncode
    install_missing()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [run_step(step) for step in steps(environment, Path(folder))]
    return summarize(outcomes)


def steps(environment: Mapping[str, str], folder: Path) -> list[Step]:
    """Quick ones first: a typo is told within seconds."""
    anywhere = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": "postgresql:///checks?host=%2Fnowhere",
    }
    offline = {**environment, **anywhere}
    production = {**offline, "PUBLIC_URL": "https://monitor.example.com", "BIND": "0.0.0.0"}  # noqa: S104
    chosen = [
        Step(name="ruff check", command=python("ruff", "check", "."), environment=environment),
        Step(name="ruff format", command=python("ruff", "format", "--check", "."), environment=environment),
        Step(name="mypy", command=python("mypy", *TYPED), environment=offline),
        Step(
            name="migrations are complete",
            command=[sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
            environment={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        ),
        # One more than the cores that CI has: many tests wait for servers and browsers.
        pytest_step("pytest", folder, environment, "-n", "3", "--dist", "worksteal"),
        Step(
            name="deployment check",
            command=[sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            environment=production,
        ),
    ]
    if (OLDEST_POSTGRES / "postgres").exists():
        oldest = {**environment, "TEST_POSTGRES": str(OLDEST_POSTGRES)}
        chosen.append(
            pytest_step("sql on PostgreSQL 15", folder, oldest, "-m", "sql or trgm", *files_with_sql())
        )
    elif environment.get("CI") == "true":
        missing = f"{OLDEST_POSTGRES} is missing"
        chosen.append(Step(name=missing, command=["false"], environment=environment))
    else:
        say(f"Skipped: the sql tests on PostgreSQL 15, because {OLDEST_POSTGRES} is missing.")
    return chosen


def files_with_sql() -> list[str]:
    """The test files that say `pytest.mark.sql` or `trgm`; to read all others takes longer than those run."""
    files = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(file.relative_to(ROOT)) for file in files if SPEAKS_SQL.search(file.read_text()))


def pytest_step(name: str, folder: Path, environment: Mapping[str, str], *arguments: str) -> Step:
    junit = folder / f"{name.replace(' ', '-')}.xml"
    command = python("pytest", *arguments, "--junit-xml", str(junit))
    return Step(name=name, command=command, environment=environment, junit=junit)


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def run_step(step: Step) -> Outcome:
    say(f"\n--- {step.name}")
    began = time.monotonic()
    code = subprocess.run(step.command, cwd=ROOT, env=dict(step.environment), check=False).returncode
    seconds = time.monotonic() - began
    passed, failed = count(step.junit) if step.junit else (0, 0)
    # A step that failed without a failed test (a crash, a style error) is one failure.
    failed = max(failed, 1 if code != 0 else 0)
    return Outcome(name=step.name, code=code, seconds=seconds, passed=passed, failed=failed)


def count(junit: Path) -> tuple[int, int]:
    """How many tests passed and failed, by pytest's own report; an error in a fixture is a failure."""
    if not junit.exists():
        return 0, 0
    suites = list(ElementTree.parse(junit).getroot().iter("testsuite"))  # noqa: S314
    total, skipped, failed = (
        sum(int(suite.get(name, "0")) for suite in suites for name in names)
        for names in (("tests",), ("skipped",), ("failures", "errors"))
    )
    return total - skipped - failed, failed


def summarize(outcomes: Sequence[Outcome]) -> int:
    """Print a line for each step; the count stands alone on the last one, for programs that read it."""
    say("")
    for outcome in outcomes:
        say(f"{'ok    ' if outcome.code == 0 else 'FAILED'} {outcome.seconds:6.1f} s  {outcome.name}")
    passed, failed = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("passed", "failed"))
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of an installation: the tests bring their own database and secrets."""
    settings = {line.split("=")[0].lstrip("# ") for line in (ROOT / ".env.example").read_text().splitlines()}
    return {name: value for name, value in environment.items() if name not in settings}


def install_missing() -> None:
    """What Debian has of what tests run beside Python, where we may install it."""
    missing = [] if shutil.which("chromium") else ["chromium", "fonts-liberation"]
    # The examples of docs/webhooks.md are run as they stand there.
    missing += [] if shutil.which("node") else ["nodejs"]
    missing += [] if shutil.which("go") else ["golang-go"]
    missing += [] if OLDEST_POSTGRES.exists() else ["postgresql-15"]
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say(f"Installing {', '.join(missing)} with apt ...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", "-y", *missing]):
        done = subprocess.run(["apt-get", *command], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            say(f"apt-get {command[0]} failed: {last}")
            return


if __name__ == "__main__":
    run_main(main)
