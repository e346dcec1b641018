"""The file as it is made, piece by piece."""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from django.conf import settings

from monitor.export.walking import Exported, walk_pages
from monitor.search.finding import Search

# Pieces of a file, in characters: large enough to cost little, small enough to be held by the dozen.
PIECE = 64 * 1024


class Format(Protocol):
    """One file format: a beginning, a text for each log with `between` between two, an end."""

    @property
    def content_type(self) -> str: ...
    @property
    def with_payloads(self) -> bool: ...
    @property
    def beginning(self) -> str: ...
    @property
    def between(self) -> str: ...
    @property
    def end(self) -> str: ...

    def write(self, exported: Exported, *, bodies: bool) -> str: ...


class TooManyExports(Exception):
    """As many as may go on at once do."""


class Places:
    """Exports that may go on at once: each holds one of Django's threads for as long as its reader takes."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> None:
        """Raises TooManyExports."""
        if not self._free.acquire(blocking=False):
            raise TooManyExports

    def give_back(self) -> None:
        self._free.release()


places = Places(max(settings.WEB_THREADS // 3, 1))


class ExportStream:
    """Bytes of the file. The first page is read at once, so that a search that fails does so before
    the answer.

    Must be closed, begun or not: servers and Django do.
    """

    def __init__(self, search: Search, form: Format, *, bodies: bool) -> None:
        places.take()
        self._is_closed = False
        try:
            self._pages = walk_pages(search, with_payloads=form.with_payloads)
            first = next(self._pages, [])
        except BaseException:
            self.close()
            raise
        self._texts = self._written(first, form, bodies=bodies)

    def __iter__(self) -> "ExportStream":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._texts).encode("utf-8", "replace")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            places.give_back()

    def _written(self, first: Sequence[Exported], form: Format, *, bodies: bool) -> Iterator[str]:
        piece, length, is_first = [form.beginning], 0, True
        page: Sequence[Exported] | None = first
        while page is not None:
            for exported in page:
                text = form.write(exported, bodies=bodies)
                piece += [text] if is_first else [form.between, text]
                length, is_first = length + len(text), False
                if length >= PIECE:
                    yield "".join(piece)
                    piece, length = [], 0
            page = next(self._pages, None)
        yield "".join(piece) + form.end
