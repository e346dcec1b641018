"""Bodies that real clients 0.x sent, and the rows that their log files must give."""

import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("captures")
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "expected_rows.json").read_text())


def sent(name: str) -> bytes:
    """The body as it was on the wire."""
    return (FOLDER / name).read_bytes()


def message(call: str, **changes: Any) -> dict[str, Any]:
    """What the FastAPI client said, with these members changed."""
    return {**json.loads(sent(f"a-py0.25.1-fastapi-{call}.json")), **changes}


def log_file(name: str, *, at: float) -> bytes:
    """A log file as if it had been written now: what is kept has an age."""
    lines = [json.loads(line) for line in gzip.decompress(sent(name)).splitlines()]
    first = min(line["request"]["timestamp"] for line in lines)
    for line in lines:
        line["request"]["timestamp"] += at - first
    return gzip.compress(b"\n".join(json.dumps(line).encode() for line in lines))
