"""One import by its format: what API, page and command call."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.journeys.document import BadDocument, Journey, read_document
from monitor.journeys.imports.bringing import BadImport, Note
from monitor.journeys.imports.commands import read_curl
from monitor.journeys.imports.har import read_har
from monitor.journeys.imports.openapi import read_openapi
from monitor.journeys.imports.postman import read_collection
from monitor.journeys.written import plain_of

FORMATS = (
    ("postman", "Postman collection"),
    ("har", "HAR file"),
    ("curl", "cURL command"),
    ("openapi", "OpenAPI document"),
    ("yaml", "Journey as YAML"),
)


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A checked document with its report; nothing is saved."""

    journey: Journey
    notes: tuple[Note, ...]


def read_import(format: str, text: str, *, environment: str = "", rows: str = "") -> Brought:
    """`environment` and `rows` are those of Postman. Raises BadImport."""
    match format:
        case "postman":
            brought = read_collection(
                _object(text, "the collection"),
                environment=_object(environment, "the environment") if environment.strip() else None,
                rows=_rows(rows) if rows.strip() else (),
            )
        case "har":
            brought = read_har(text.encode())
        case "curl":
            brought = read_curl(text)
        case "openapi":
            brought = read_openapi(text)
        case "yaml":
            try:
                return Brought(journey=read_document(plain_of(text)), notes=())
            except BadDocument as error:
                raise BadImport(error.message) from None
        case _:
            raise BadImport("There is no such format.")
    journey = brought.document()
    return Brought(journey=journey, notes=tuple(brought.notes))


def _object(text: str, what: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise BadImport(f"{what.capitalize()} is no JSON.") from None
    if not isinstance(given, Mapping):
        raise BadImport(f"{what.capitalize()} is no JSON object.")
    return given


def _rows(text: str) -> list[dict[str, Any]]:
    # Here alone: files reads collections too.
    from monitor.journeys.files import rows_of

    try:
        return rows_of(text)
    except BadDocument as error:
        raise BadImport(error.message) from None
