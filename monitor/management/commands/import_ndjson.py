"""`manage.py import_ndjson FILE --service NAME`: logs out of an NDJSON export of any size."""

from collections.abc import Iterator
from typing import BinaryIO

from monitor.imports import NDJSON
from monitor.imports.command import ImportCommand
from monitor.ingest.decode import LogItem, Undecodable


class Command(ImportCommand):
    help = "Imports logs from NDJSON, as the export writes it; each is kept once."
    source = NDJSON

    @staticmethod
    def open_items(stream: BinaryIO) -> Iterator[LogItem | Undecodable]:
        return (item for line in stream for item in NDJSON.read(line))
