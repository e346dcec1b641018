"""UUIDv7 ids whose time part is the moment an event happened (RFC 9562, section 5.7)."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RANDOM_BITS = 74
_RANDOM_BYTES = 10

# A forked worker must not continue its parent's random stream: two workers would make the same ids.
os.register_at_fork(after_in_child=uuid_utils.reseed_rng)


def new_uuid7() -> UUID:
    """An id for this very moment; within one process each is greater than the one before."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def uuid7_at(moment: datetime, *, random_bits: bytes | None = None) -> UUID:
    """An id that carries `moment`, floored to the millisecond.

    The 74 bits beside the time come from `random_bits` (its first 74 bits; at least 10 bytes, such as a hash)
    or from a generator that the system's random source seeds. Raises ValueError for a moment that is not
    aware UTC or lies before 1970, and for too few random bytes.
    """
    if random_bits is None:
        return _assemble(_milliseconds(moment), _some_bits())
    if len(random_bits) < _RANDOM_BYTES:
        raise ValueError(f"random_bits needs at least {_RANDOM_BYTES} bytes, got {len(random_bits)}.")
    spare_bits = 8 * _RANDOM_BYTES - _RANDOM_BITS
    return _assemble(_milliseconds(moment), int.from_bytes(random_bits[:_RANDOM_BYTES]) >> spare_bits)


def _some_bits() -> int:
    """74 of the 122 random bits of a UUID. The system's own source would let go of Python's lock for each id,
    which another thread then holds for milliseconds."""
    found = uuid_utils.uuid4().int
    return ((found >> 64) & 0xFFF) << 62 | (found & ((1 << 62) - 1))


def event_uuid7(moment: datetime, *, scope: str, event_id: str) -> UUID:
    """The one id of an event: the same moment, scope and event id always give the same id.

    Two events of one millisecond share an id only when 74 bits of their hashes agree. `scope` holds whatever
    keeps senders apart (service, mode), so nobody can take the id of somebody else's event by its name.
    """
    # The length in front keeps ("a", "bc") and ("ab", "c") apart.
    named = f"{len(scope)}:{scope}{event_id}".encode("utf-8", "surrogatepass")
    return uuid7_at(moment, random_bits=hashlib.blake2b(named, digest_size=_RANDOM_BYTES).digest())


def uuid7_floor(moment: datetime) -> UUID:
    """The lowest id of the moment's millisecond: `id >= uuid7_floor(since)` takes all from then on."""
    return _assemble(_milliseconds(moment), 0)


def uuid7_since(moment: datetime) -> UUID:
    """The same for a moment that somebody asked for, in any zone: before 1970 there are no ids."""
    moment = moment.astimezone(UTC)
    return UUID(int=0) if moment < _EPOCH else uuid7_floor(moment)


def uuid7_ceiling(moment: datetime) -> UUID:
    """The highest id of the moment's millisecond: `id <= uuid7_ceiling(last)` takes that millisecond too."""
    return _assemble(_milliseconds(moment), (1 << _RANDOM_BITS) - 1)


def moment_of(uuid7: UUID) -> datetime:
    """The moment an id carries, in UTC, exact to the millisecond.

    Raises ValueError for a UUID of another version and for a time past the year 9999.
    """
    if uuid7.version != 7:
        raise ValueError(f"{uuid7} is not a UUIDv7.")
    try:
        return _EPOCH + (uuid7.int >> 80) * _MILLISECOND
    except OverflowError:
        raise ValueError(f"{uuid7} carries a time past the year 9999.") from None


def _milliseconds(moment: datetime) -> int:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("An id needs an aware moment in UTC.")
    # Integer division floors; through float seconds, one moment in a few thousand would be a millisecond off.
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if milliseconds < 0:
        raise ValueError("An id cannot carry a moment before 1970.")
    return milliseconds


def _assemble(milliseconds: int, random_bits: int) -> UUID:
    """Layout: 48 bits of time, version 7 in 4 bits, 12 random bits, variant 0b10, 62 random bits."""
    high = (milliseconds << 16) | 0x7000 | (random_bits >> 62)
    low = (0b10 << 62) | (random_bits & ((1 << 62) - 1))
    return UUID(int=(high << 64) | low)
