"""Drafts of one transaction as a few bytes, and back."""

from collections.abc import Iterable
from typing import Any

import msgspec
import zstandard

from monitor.events.draft import Draft

FIELDS = ("id", "organization_id", "type", "data", "happened_at", "service_id", "mode", "environment")


def pack(drafts: Iterable[Draft]) -> bytes:
    rows = [[getattr(draft, name) for name in FIELDS] for draft in drafts]
    return zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(rows))


def unpack(packed: bytes | memoryview) -> list[Draft]:
    rows: list[list[Any]] = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(bytes(packed)))
    return [msgspec.convert(dict(zip(FIELDS, row, strict=True)), Draft) for row in rows]
