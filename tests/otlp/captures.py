"""Bodies that real clients sent, and the rows that they must give."""

import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("captures")
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "expected_rows.json").read_text())
# When the demo traffic was sent, in Unix seconds.
SENT_AT = 1795226700


def sent(name: str) -> bytes:
    """The body as it was on the wire."""
    return (FOLDER / name).read_bytes()


def plain(name: str) -> bytes:
    """The body without its compression."""
    return gzip.decompress(sent(name)) if name.endswith(".gz") else sent(name)
