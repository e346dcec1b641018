"""Files that a run is given: a journey or a collection, environments, rows of data."""

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.journeys.document import BadDocument, Journey, read_document
from monitor.journeys.imports.bringing import BadImport, Note
from monitor.journeys.imports.postman import is_collection, read_collection, values_of
from monitor.journeys.written import plain_of

MOST_BYTES = 16 * 1024 * 1024
_DOTENV = re.compile(r"(?:export\s+)?([A-Za-z_][\w.\-]*)=(.*)")


def journey_in(path: Path) -> tuple[Journey, list[Note]]:
    """The journey of a YAML or JSON file, or of a Postman collection with its report. Raises BadDocument."""
    text = text_of(path)
    if (given := as_json(text)) is not None and is_collection(given):
        try:
            brought = read_collection(given)
            return brought.document(), brought.notes
        except BadImport as error:
            raise BadDocument(str(error)) from None
    return read_document(plain_of(text)), []


def variables_in(path: Path) -> dict[str, Any]:
    """The variables of an environment: lines of NAME=value, YAML, JSON, or Postman's own. Raises
    BadDocument."""
    text = text_of(path)
    given = as_json(text)
    if isinstance(given, Mapping) and isinstance(given.get("values"), list):
        return values_of(given["values"])
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    found = [_DOTENV.fullmatch(line) for line in lines]
    if given is None and found and all(found):
        return {match[1]: unquoted(match[2].strip()) for match in found if match}
    return plain_of(text)


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file with a first line of names, or a JSON list of objects. Raises BadDocument."""
    return rows_of(text_of(path))


def rows_of(text: str) -> list[dict[str, Any]]:
    given = as_json(text)
    if given is None:
        return [dict(row) for row in csv.DictReader(io.StringIO(text))]
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise BadDocument("Data is CSV with a first line of names, or a JSON list of objects.")
    return given


def unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def as_json(text: str) -> Any:
    """The value, or None for what is no JSON."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadDocument(f"{path.name} is larger than 16 MiB.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDocument(
            f"{path.name} cannot be read: {getattr(error, 'strerror', None) or 'no UTF-8'}."
        ) from None
