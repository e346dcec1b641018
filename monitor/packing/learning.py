"""Learn what the logs of an organization have in common.

A dictionary outlives the logs it was learnt from, and what was forgotten must be nowhere: so it is made of
words that many logs hold, and logs of several consumers. An address, a name or a token of one of them is not
among those; and what few logs hold would spare nothing. All else is replaced by something made up.
"""

import logging
import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import zstandard

from monitor.lib import payload
from monitor.lib.payload import Dictionary
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import LogPayload, Organization, PayloadDictionary, RequestLog, Service
from monitor.models.dictionaries import find_dictionary, newest_number
from monitor.models.logs import RequestLogQuerySet

logger = logging.getLogger(__name__)
# Twice as large a dictionary packs no better (measured), and each process holds those it reads by.
BYTES = 8 * 1024
# Logs to learn from, and how many of the newest day's moments they are taken at.
SAMPLES = 2_000
STRETCHES = 20
# Fewer say little of what is still to come.
FEWEST_SAMPLES = 500
# Of one log; a body of a megabyte would speak for all others.
MOST_CHARS = 4_096
# Of all logs, those that hold a word.
SHARE_OF_LOGS = 0.01
# Consumers that a word must be of.
CONSUMERS = 3
# Or else it is in so many logs, those of nobody in particular among them: these may all be one person's.
# Where no log names a consumer, it costs a quarter (31 % beside 25 % of the bytes without any, measured).
SHARE_OF_NOBODYS = 0.1
# One more of these is kept for good, so it must be worth it.
SMALLER = 0.9
LEARNT_FROM = timedelta(days=1)
GOOD_FOR = timedelta(days=7)
LIMIT = timedelta(seconds=5)
WORD = re.compile(r"\w+|\W+")
# Of signs and of letters with marks there are few, or many: nothing stands for those.
KINDS = (
    frozenset("0123456789"),
    frozenset("0123456789abcdef"),
    frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
)
LETTERS_OF = {kind: sorted(kind) for kind in KINDS}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A log's payload, and whose request it was."""

    consumer_id: UUID | None
    contents: Mapping[str, Any]

    @property
    def words(self) -> list[str]:
        return WORD.findall(msgspec.json.encode(self.contents).decode()[:MOST_CHARS])


def learn_all(*, now: datetime) -> int:
    """Learn for every organization whose dictionary is old, or that has none. Gives how many were made."""
    fresh = PayloadDictionary.objects.filter(judged_at__gt=now - GOOD_FOR)
    others = Organization.objects.exclude(id__in=fresh.values("organization"))
    return sum(learn(id_, now=now) is not None for id_ in list(others.values_list("id", flat=True)))


def learn(organization_id: UUID, *, now: datetime) -> PayloadDictionary | None:
    """Make a dictionary from what came in lately; None where that is too little, or would spare little."""
    try:
        samples = list(samples_of(organization_id, now=now))
    except TookTooLong:
        return None  # the disk is busy; the next hour may not be
    if len(samples) < FEWEST_SAMPLES:
        return None
    # Every fourth judges what the others taught.
    judges = samples[::4]
    content = taught_by([each for number, each in enumerate(samples) if number % 4])
    if content is None:
        return None
    number = newest_number(organization_id)
    before = packed_size(judges, None if number is None else find_dictionary(number))
    after = packed_size(judges, Dictionary(0, content))
    if after > before * SMALLER:
        PayloadDictionary.objects.filter(organization=organization_id).update(judged_at=now)
        return None
    logger.info("Payloads of organization %s will take %.0f %%", organization_id, 100 * after / before)
    return PayloadDictionary.objects.create(
        organization_id=organization_id, content=content, made_at=now, judged_at=now
    )


def samples_of(organization_id: UUID, *, now: datetime) -> Iterator[Sample]:
    """Logs from all hours of the last day; the newest, where it has few hours yet. Raises TookTooLong."""
    services = Service.objects.alive().filter(organization=organization_id).values_list("id", flat=True)
    logs = RequestLog.objects.of_services(services).within(now - LEARNT_FROM, now)
    length = LEARNT_FROM / STRETCHES
    begins = [now - LEARNT_FROM + number * length for number in range(STRETCHES)]
    consumers: dict[UUID, UUID | None] = {}
    for since in begins:
        consumers |= first_of(logs.within(since, since + length).order_by("id"), SAMPLES // STRETCHES)
    if len(consumers) < FEWEST_SAMPLES:
        consumers |= first_of(logs.newest_first(), SAMPLES)
    for log_id, contents in LogPayload.objects.contents_by_id(consumers).items():
        yield Sample(consumer_id=consumers[log_id], contents=contents)


def first_of(logs: RequestLogQuerySet, count: int) -> dict[UUID, UUID | None]:
    """The first so many, and their consumers."""
    with time_limit(LIMIT):
        return dict(logs.values_list("id", "consumer_id")[:count])


def taught_by(samples: Sequence[Sample]) -> bytes | None:
    """A dictionary of what these have in common; None where that is next to nothing."""
    common = common_words(samples)
    chance = random.Random()  # noqa: S311 - it hides nothing: what it replaces is gone
    lessons: list[bytes | bytearray | memoryview] = [
        "".join(word if word in common else like(word, chance) for word in each.words).encode()
        for each in samples
    ]
    try:
        return zstandard.train_dictionary(BYTES, lessons).as_bytes()
    except zstandard.ZstdError as error:
        logger.info("No dictionary could be learnt: %s", error)
        return None


def like(word: str, chance: random.Random) -> str:
    """Something made up in the place of a word: how often digits and letters stand in payloads is learnt,
    too, and without that they take a fifth more."""
    kind = next((each for each in KINDS if each.issuperset(word)), None)
    return "".join(chance.choices(LETTERS_OF[kind], k=len(word))) if kind else ""


def common_words(samples: Collection[Sample]) -> set[str]:
    """Words that many of the samples hold, of several consumers; or very many, with some of nobody."""
    logs: defaultdict[str, int] = defaultdict(int)
    of: defaultdict[str, set[UUID | None]] = defaultdict(set)
    for each in samples:
        for word in set(each.words):
            logs[word] += 1
            if len(of[word]) <= CONSUMERS:
                of[word].add(each.consumer_id)
    fewest, of_nobody = len(samples) * SHARE_OF_LOGS, len(samples) * SHARE_OF_NOBODYS
    return {
        word
        for word, count in logs.items()
        if (count >= fewest and len(of[word] - {None}) >= CONSUMERS)
        or (count >= of_nobody and None in of[word])
    }


def packed_size(samples: Iterable[Sample], dictionary: Dictionary | None) -> int:
    return sum(len(payload.pack(each.contents, dictionary)) for each in samples)
