"""Authenticated keys for a few seconds, so that a log costs no look-up."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from django.utils import timezone

from monitor.access.keys import KeyRejected, authenticate_key
from monitor.lib.apikeys import digest
from monitor.models import ApiKey

Known = TypeVar("Known")
# A revoked key is refused within this time even where no notice of it arrives.
MAX_AGE_S = 5.0
MAX_KEYS = 10_000


class KeyCache(Generic[Known]):
    """What `make` gives for each key, looked up again after MAX_AGE_S. Holds digests, never a key's text."""

    def __init__(
        self, make: Callable[[ApiKey], Known], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._clock = clock
        self._known: dict[bytes, tuple[float, datetime | None, Known]] = {}

    def peek(self, raw: str) -> Known | None:
        """What is known of the key without asking the database, while it is fresh."""
        found = self._known.get(digest(raw))
        if found is None:
            return None
        looked_up_at, expires_at, known = found
        if self._clock() - looked_up_at > MAX_AGE_S or (expires_at and expires_at <= timezone.now()):
            return None
        return known

    def look_up(self, raw: str) -> Known:
        """Ask the database and remember. Raises KeyRejected; refusals are not remembered."""
        looked_up_at = self._clock()
        try:
            key = authenticate_key(raw, now=timezone.now())
        except KeyRejected:
            self._known.pop(digest(raw), None)
            raise
        known = self._make(key)
        if len(self._known) >= MAX_KEYS:
            self._known.clear()
        self._known[digest(raw)] = (looked_up_at, key.expires_at, known)
        return known

    def forget(self) -> None:
        """Look every key up again."""
        self._known.clear()
