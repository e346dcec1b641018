"""Authenticated keys for a few seconds, so that a log costs no look-up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.utils import timezone

from monitor.access.keys import KeyRejected, authenticate_key
from monitor.lib.apikeys import digest, looks_valid
from monitor.models import ApiKey

Known = TypeVar("Known")
# Notified by triggers on api_key and service whenever a key may mean something else than before.
KEYS_CHANNEL = "keys_changed"
# A revoked key is refused within this time even where no notice of it arrives.
MAX_AGE_S = 5.0
MAX_KEYS = 10_000
MAX_REFUSALS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a key opens nothing, in KeyRejected's words. An exception would hold on to the frames it passed."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered(Generic[Known]):
    looked_up_at: float
    expires_at: datetime | None
    known: Known


class KeyCache(Generic[Known]):
    """What `make` gives for each key, looked up again after MAX_AGE_S. Holds digests, never a key's text.

    Refusals are remembered, too: a sender that goes on with a revoked key must not cost a query each time.
    They have a place of their own, so that made-up keys push no good one out.
    """

    def __init__(
        self, make: Callable[[ApiKey], Known], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._clock = clock
        self._known: dict[bytes, Remembered[Known]] = {}
        self._refused: dict[bytes, Remembered[Refusal]] = {}
        self._forgotten = 0

    def peek(self, raw: str) -> Known | Refusal | None:
        """What is known of the key without asking the database, while it is fresh."""
        fingerprint = digest(raw)
        found = self._known.get(fingerprint) or self._refused.get(fingerprint)
        if found is None or self._clock() - found.looked_up_at > MAX_AGE_S:
            return None
        if found.expires_at is not None and found.expires_at <= timezone.now():
            return None
        return found.known

    def look_up(self, raw: str) -> Known | Refusal:
        """What is known of the key, asked of the database unless another thread has just done so."""
        known = self.peek(raw)
        if known is not None:
            return known
        forgotten, looked_up_at = self._forgotten, self._clock()
        try:
            key = authenticate_key(raw, now=timezone.now())
        except KeyRejected as rejected:
            refusal = Refusal(code=rejected.code, message=str(rejected))
            if looks_valid(raw) and forgotten == self._forgotten:
                self._known.pop(digest(raw), None)
                entry = Remembered(looked_up_at=looked_up_at, expires_at=None, known=refusal)
                remember(self._refused, digest(raw), entry, most=MAX_REFUSALS)
            return refusal
        known = self._make(key)
        # A change that was told while the database was being asked may not be in the answer.
        if forgotten == self._forgotten:
            entry_of_key = Remembered(looked_up_at=looked_up_at, expires_at=key.expires_at, known=known)
            self._refused.pop(digest(raw), None)
            remember(self._known, digest(raw), entry_of_key, most=MAX_KEYS)
        return known

    def forget(self) -> None:
        """Look every key up again."""
        self._forgotten += 1
        self._known.clear()
        self._refused.clear()


Item = TypeVar("Item")


def remember(place: dict[bytes, Item], fingerprint: bytes, item: Item, *, most: int) -> None:
    if len(place) >= most:
        place.clear()
    place[fingerprint] = item
