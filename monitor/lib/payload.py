"""The heavy part of a log (headers and bodies) as compact bytes, and back.

A leading byte names the form, so that another codec can join later while old rows stay readable. JSON
inside, because it holds integers of any size; after zstd it is no larger than msgpack (424 B against 436 B on
a 2.5 kB log). A dictionary of what the logs of an organization have in common makes a log of 1.4 kB half as
large (334 B beside 634) in half of the time.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import zstandard

PLAIN_JSON = b"\x00"
ZSTD_JSON = b"\x01"
# Followed by the number of the dictionary, in four bytes.
ZSTD_JSON_BY_DICTIONARY = b"\x02"
NUMBER_BYTES = 4

# Twice the largest log a door accepts would do; the rest is room for larger limits. Held by both
# directions, so that whatever was packed can be unpacked.
MAX_UNPACKED_BYTES = 16 * 1024 * 1024
_SMALLEST_COMPRESSED = 64  # bytes; below, zstd's frame costs more than it saves
# Level 3 makes them 2 % smaller and takes 1.4 times as long (measured); with a dictionary it makes them a
# tenth smaller, and takes no longer.
_LEVEL = 1
_LEVEL_BY_DICTIONARY = 3


class PayloadTooLarge(ValueError):
    """The payload is, or would become, larger than MAX_UNPACKED_BYTES."""


class PayloadCorrupt(ValueError):
    """The bytes were not made by `pack`, or have been damaged since."""


class _Codec(threading.local):
    """One compressor and decompressor a thread: zstandard's objects must not be shared."""

    def __init__(self, data: zstandard.ZstdCompressionDict | None = None) -> None:
        if data is None:
            self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
            self.decompressor = zstandard.ZstdDecompressor()
        else:
            # Which dictionary it was stands before the frame: four bytes less than zstd's own number takes.
            self.compressor = zstandard.ZstdCompressor(
                level=_LEVEL_BY_DICTIONARY, dict_data=data, write_dict_id=False
            )
            self.decompressor = zstandard.ZstdDecompressor(dict_data=data)


_codec = _Codec()


class Dictionary:
    """What many payloads have in common, to pack them by. Never changes: what it packed needs it for good."""

    def __init__(self, number: int, content: bytes) -> None:
        data = zstandard.ZstdCompressionDict(content)
        data.precompute_compress(level=_LEVEL_BY_DICTIONARY)
        self.number = number
        self.head = ZSTD_JSON_BY_DICTIONARY + number.to_bytes(NUMBER_BYTES)
        self.codec = _Codec(data)


def unknown(number: int) -> Dictionary | None:
    """Where nothing is packed by a dictionary."""
    return None


def pack(payload: Mapping[str, Any], dictionary: Dictionary | None = None) -> bytes:
    """The payload as bytes for one column.

    Takes what JSON can say. Raises PayloadTooLarge, and ValueError for text that is not Unicode (lone
    surrogates).
    """
    plain = msgspec.json.encode(payload)
    if len(plain) > MAX_UNPACKED_BYTES:
        raise PayloadTooLarge(f"A payload of {len(plain)} bytes is more than {MAX_UNPACKED_BYTES}.")
    if len(plain) < _SMALLEST_COMPRESSED:
        return PLAIN_JSON + plain
    if dictionary is not None:
        return dictionary.head + dictionary.codec.compressor.compress(plain)
    return ZSTD_JSON + _codec.compressor.compress(plain)


def unpack(packed: bytes | memoryview, find: Callable[[int], Dictionary | None] = unknown) -> dict[str, Any]:
    """What `pack` was given. `find` gives the dictionary of a number. Raises PayloadCorrupt or
    PayloadTooLarge."""
    packed = bytes(packed)  # psycopg may hand out a memoryview
    form, content = packed[:1], packed[1:]
    if form == ZSTD_JSON:
        content = _decompress(content, _codec)
    elif form == ZSTD_JSON_BY_DICTIONARY:
        number, content = int.from_bytes(content[:NUMBER_BYTES]), content[NUMBER_BYTES:]
        dictionary = find(number)
        if dictionary is None:
            raise PayloadCorrupt(f"The payload was packed by dictionary {number}, which is not there.")
        content = _decompress(content, dictionary.codec)
    elif form != PLAIN_JSON:
        raise PayloadCorrupt(f"A payload of the unknown form {form!r}.")
    try:
        payload = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PayloadCorrupt("The payload is damaged: it is not a JSON object.") from error
    return payload


def _decompress(content: bytes, codec: _Codec) -> bytes:
    try:
        # A frame without its size was not made here; the library's own bound would not apply to one with a
        # size.
        size = zstandard.frame_content_size(content)
        if size > MAX_UNPACKED_BYTES:
            raise PayloadTooLarge(f"A payload of {size} bytes is more than {MAX_UNPACKED_BYTES}.")
        if size < 0:
            raise PayloadCorrupt("The payload is damaged: its size is missing.")
        return codec.decompressor.decompress(content, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PayloadCorrupt("The payload is damaged: it cannot be decompressed.") from error
