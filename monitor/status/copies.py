"""Copies of rendered pages on disk, for when the database is away. Pages with a password have none."""

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from uuid import UUID

from django.conf import settings

from monitor.status.answers import Answer

logger = logging.getLogger(__name__)


def _folder(page_id: UUID | str) -> Path:
    return Path(settings.STATUS_COPIES_DIR) / str(page_id)


def _place(name: str) -> Path:
    """Where the page of an address is noted: names come from outside, so they are hashed."""
    return Path(settings.STATUS_COPIES_DIR) / "names" / hashlib.sha256(name.encode()).hexdigest()


def write_copy(page_id: UUID, name: str, part: str, answer: Answer) -> None:
    """Keep the answer; `name` is the slug or the domain. A disk that is full costs a line in the log."""
    head = json.dumps({"content_type": answer.content_type, "etag": answer.etag}).encode()
    try:
        _put(_folder(page_id) / _file_of(part), head + b"\n" + answer.body)
        _put(_place(name), str(page_id).encode())
    except OSError as error:
        logger.warning("No copy of status page %s could be written: %s", page_id, type(error).__name__)


def read_copy(name: str, part: str) -> Answer | None:
    """What was last kept for this address."""
    try:
        page_id = UUID(_place(name).read_text())
        head, _, body = (_folder(page_id) / _file_of(part)).read_bytes().partition(b"\n")
        told = json.loads(head)
        return Answer(body=body, content_type=told["content_type"], etag=told["etag"])
    except (OSError, ValueError, KeyError):
        return None


def remove_copies(page_id: UUID) -> None:
    """As soon as a page is closed, hidden or gone."""
    folder = _folder(page_id)
    try:
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("Copies of status page %s could not be removed: %s", page_id, type(error).__name__)


def _file_of(part: str) -> str:
    return part.replace("/", "_") or "page"


def _put(path: Path, content: bytes) -> None:
    """Whole or not at all: a reader of a file half written would show half a page."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(made, path)
