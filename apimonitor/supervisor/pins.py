"""`scripts/lock`: pins what the requirements bring with them, as a fresh installation resolves it today."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from apimonitor.supervisor.errors import CannotStart, run_main, say

ROOT = Path(__file__).resolve().parents[2]
FILES = ("requirements.txt", "requirements-postman.txt", "requirements-dev.txt")
HEADER = (
    "# Exact versions of what requirements.txt and requirements-dev.txt bring with them: "
    "scripts/lock writes this file.\n"
)


def main(arguments: list[str]) -> int:
    say("Resolving the newest versions in a fresh environment ...")
    ours = {name for file in FILES for name in required_names((ROOT / file).read_text())}
    with tempfile.TemporaryDirectory() as folder:
        installed = resolve(Path(folder))
    lines = sorted((line for line in installed if canonical(line) not in ours), key=canonical)
    (ROOT / "constraints.txt").write_text(HEADER + "".join(f"{line}\n" for line in lines))
    say(f"constraints.txt holds {len(lines)} versions.")
    return 0


def resolve(folder: Path) -> list[str]:
    """`name==version` of everything pip chooses without the present constraints."""
    for file in FILES:
        lines = (ROOT / file).read_text().splitlines(keepends=True)
        (folder / file).write_text("".join(line for line in lines if not line.startswith("-c ")))
    run(sys.executable, "-m", "venv", str(folder / "venv"))
    python = str(folder / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "-r", str(folder / FILES[-1]))
    return run(python, "-m", "pip", "freeze").split()


def required_names(text: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {canonical(line) for line in lines if line and not line.startswith("-")}


def canonical(requirement: str) -> str:
    """The distribution's name as the package index compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~! ;]", requirement)[0]).lower()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotStart((done.stderr.strip().splitlines() or [f"{command[0]} failed"])[-1])
    return done.stdout


if __name__ == "__main__":
    run_main(main)
