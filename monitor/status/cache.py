"""Rendered pages in the memory of this process: a thousand readers a second cost a look into a dictionary.

Pages with a password never come here. A key is the Host as it was sent and the path; Django has judged both
before the first answer is kept.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from monitor.status.answers import FRESH_S, Answer

# More than any installation has, and a bound for hosts of a wildcard.
MOST_ANSWERS = 2_000
# While one reader waits for the new page, the others have the old one for as long as this.
RENEWAL_S = 3.0

Key = tuple[str, str]


@dataclass(kw_only=True)
class Kept:
    page_id: UUID
    answer: Answer
    fresh_until: float
    # The front sent a reader to Django for a new one, who has not come there yet.
    is_promised: bool = False


class AnswerCache:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Key, Kept] = {}
        self._lock = threading.Lock()

    def fresh(self, key: Key, *, hands_on: bool = False) -> Answer | None:
        """The answer, unless it is old. Of those who find it old, one at a time is sent to make a new one.

        The front, which makes none, hands that reader on to Django, where this is asked again: the one who
        was sent must not be given the old answer, as those are for whom it is made.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._clock()
        if now < kept.fresh_until and (hands_on or not kept.is_promised):
            return kept.answer
        with self._lock:
            if now >= kept.fresh_until:
                kept.fresh_until, kept.is_promised = now + RENEWAL_S, hands_on
                return None
            if kept.is_promised and not hands_on:
                kept.is_promised = False
                return None
        return kept.answer

    def last(self, key: Key) -> Answer | None:
        """The answer, however old."""
        kept = self._kept.get(key)
        return None if kept is None else kept.answer

    def keep(self, key: Key, answer: Answer, *, page_id: UUID) -> None:
        with self._lock:
            if len(self._kept) >= MOST_ANSWERS:
                self._kept.clear()
            self._kept[key] = Kept(page_id=page_id, answer=answer, fresh_until=self._clock() + FRESH_S)

    def drop(self, key: Key) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def forget(self, page_id: UUID) -> None:
        """All of a page, in this process; others follow within FRESH_S."""
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.page_id != page_id}

    def clear(self) -> None:
        with self._lock:
            self._kept = {}


CACHE = AnswerCache()
