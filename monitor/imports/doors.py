"""POST /v1/import/har and /v1/import/ndjson as doors of the pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from monitor.api.body import BodyTooLarge
from monitor.api.errors import problem
from monitor.front.answers import Answer
from monitor.imports.bring import HAR, NDJSON, Brought, Source
from monitor.ingest.accept import Outcome
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.doors import JSON_TYPES, NDJSON_TYPES, ManyLogs, item_error, problem_answer, status_of


class FileDoor(ManyLogs):
    """A file of many logs. `import_answer` tells what came of it, also after a dry run."""

    source: Source
    media_types: frozenset[str]
    expected: str

    def limit_bytes(self) -> int:
        return int(settings.MAX_IMPORT_BYTES)

    def check(self, media_type: str) -> None:
        if media_type not in self.media_types:
            raise UnsupportedMediaType(media_type, self.expected)

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        try:
            items = self.source.read(body)
        except Undecodable as error:
            raise ParseError(str(error), code=error.code) from None
        if len(items) > settings.MAX_BATCH_LOGS:
            raise BodyTooLarge(f"At most {settings.MAX_BATCH_LOGS:,} requests are taken at once.")
        return items

    def answer(self, outcome: Outcome) -> Answer:
        brought = Brought(
            entries=outcome.entries,
            rejections=[self.source.told(each) for each in outcome.rejections],
            new=len(outcome.new_ids),
            excluded=len(outcome.excluded),
            is_dry_run=False,
        )
        return import_answer(brought)


class HarFile(FileDoor):
    source = HAR
    media_types = JSON_TYPES | {"application/har+json"}
    expected = "Send a HAR as application/json."


class NdjsonFile(FileDoor):
    source = NDJSON
    media_types = NDJSON_TYPES
    expected = "Send logs as application/x-ndjson, a line each."


def import_answer(brought: Brought) -> Answer:
    """201 when something is kept and all of it is good, 200 for a dry run, 207 when some is refused, and a
    problem when all is."""
    result = import_result(brought)
    if not brought.rejections:
        return Answer(status=200 if brought.is_dry_run or not brought.entries else 201, body=result)
    if brought.entries or brought.excluded:
        return Answer(status=207, body=result)
    status, code = max(map(status_of, brought.rejections))
    return problem_answer(problem(status, code, "No request in the file could be kept.", **result))


def import_result(brought: Brought) -> Mapping[str, Any]:
    return {
        "dry_run": brought.is_dry_run,
        "accepted": len(brought.entries),
        "new": brought.new,
        "known": brought.known,
        "excluded": brought.excluded,
        "rejected": len(brought.rejections),
        "ids": [entry.id for entry in brought.entries],
        "errors": [item_error(each) for each in brought.rejections],
    }
