"""The note that joins a transaction of logs: which of them failed.

Grouping takes longer than keeping, and needs bodies; so the transaction leaves the ids alone, and a task
reads the logs. A note is written and committed with its logs and deleted with the numbers that it led to:
a log that was sent late, or committed late, or twice, is counted once, and no place in time is remembered.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from monitor.issues.findings import may_tell
from monitor.lib import pgarrays
from monitor.models import arrivals

# Part of the statement that keeps logs (`ingest/rows.py`); takes what `notes_of` gives.
NOTE = "failed AS (INSERT INTO error_arrival (ids) SELECT unnest(%(failures)b) FROM guard WHERE ok)"


class Kept(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def failed(self) -> bool: ...


def notes_of(logs: Sequence[Kept]) -> pgarrays.Array:
    """The note of those that may belong to issues, or none when none does. Looking costs 0.1 us a log."""
    ids = [log.id for log in logs if may_tell(log.status_code, failed=log.failed)]
    return pgarrays.blobs([arrivals.packed(ids)] if ids else [])
