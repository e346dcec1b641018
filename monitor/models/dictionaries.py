"""What the payloads of an organization's logs have in common, which they are packed by."""

import time
from typing import Any
from uuid import UUID

from django.db import models

from monitor.lib import payload
from monitor.lib.payload import Dictionary
from monitor.models.tenants import Organization

# Each keeps 240 KiB of tables ready, in every process that meets it.
MOST_HELD = 128
MOST_KNOWN = 100_000
# How long a process goes on with the dictionary that was the newest.
MAX_AGE_S = 60.0

_held: dict[int, Dictionary] = {}
# The newest of organizations, by the numbers within their ids: UUIDs hash in Python. And until when.
_newest: dict[int, tuple[float, int | None]] = {}


class PayloadDictionary(models.Model):
    """Learnt from logs by monitor.packing. Stays as long as its organization: payloads cannot be read without
    it. Its key is written in each payload that it packed."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    content = models.BinaryField()
    made_at = models.DateTimeField()
    # When it was last found to be good enough.
    judged_at = models.DateTimeField()

    class Meta:
        db_table = "payload_dictionary"
        verbose_name_plural = "payload dictionaries"

    def __str__(self) -> str:
        return f"dictionary {self.pk}"


def forget_dictionaries() -> None:
    """Empty this process's caches."""
    _held.clear()
    _newest.clear()


def find_dictionary(number: int) -> Dictionary | None:
    """The dictionary of this number, or None where it went with its organization."""
    known = _held.get(number)
    if known is None:
        content = PayloadDictionary.objects.filter(pk=number).values_list("content", flat=True).first()
        known = None if content is None else hold(number, content)
    return known


def newest_dictionary(organization_id: UUID) -> Dictionary | None:
    """The one that logs of this organization are packed by now, if it has any; known for a minute."""
    until, number = _newest.get(organization_id.int, (0.0, None))
    if until < time.monotonic():
        number = newest_number(organization_id)
        if len(_newest) >= MOST_KNOWN:
            _newest.clear()
        _newest[organization_id.int] = (time.monotonic() + MAX_AGE_S, number)
    return None if number is None else find_dictionary(number)


def newest_number(organization_id: UUID) -> int | None:
    """The number of the newest dictionary, as it is at this moment."""
    rows = PayloadDictionary.objects.filter(organization=organization_id).order_by("-pk")
    return rows.values_list("pk", flat=True).first()


def hold(number: int, content: bytes | memoryview) -> Dictionary:
    if len(_held) >= MOST_HELD:
        _held.clear()
    return _held.setdefault(number, Dictionary(number, bytes(content)))


def unpack_log(packed: bytes | memoryview) -> dict[str, Any]:
    """What a log's payload holds. Raises as `payload.unpack`."""
    return payload.unpack(packed, find_dictionary)
