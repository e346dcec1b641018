"""`manage.py import_har FILE --service NAME`: requests out of a HAR file of any size that fits the memory."""

from collections.abc import Iterator
from typing import BinaryIO

from monitor.imports import HAR
from monitor.imports.command import ImportCommand
from monitor.imports.har import entries_of, item_or_reason
from monitor.ingest.decode import LogItem, Undecodable


class Command(ImportCommand):
    help = "Imports the requests of a HAR file, as browsers and proxies write it; each is kept once."
    source = HAR

    @staticmethod
    def open_items(stream: BinaryIO) -> Iterator[LogItem | Undecodable]:
        return map(item_or_reason, entries_of(stream.read()))
