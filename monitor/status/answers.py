"""A rendered page as bytes: what is kept in memory, on disk, and sent."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

# Readers of every kind may keep it this long; a page is made at most this often in a process.
FRESH_S = 10

# Below this a reader gains nothing.
LEAST_PACKED_BYTES = 1024

# No script, nothing from elsewhere; the stylesheet of the page's owner is a file of its own.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A 200 for anybody. `etag` is made of the bytes."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, content_type: str) -> "Answer":
        digest = hashlib.blake2b(body, digest_size=12).hexdigest()
        return cls(body=body, content_type=content_type, etag=f'"{digest}"')

    @cached_property
    def packed(self) -> bytes | None:
        """The same with gzip, packed once for all readers: bars of ninety days repeat themselves, and a page
        of 60 kB is one of 5. None where it would gain nothing."""
        if len(self.body) < LEAST_PACKED_BYTES or self.content_type.startswith("image/"):
            return None
        return gzip.compress(self.body, mtime=0)

    def headers(self, *, is_private: bool = False) -> dict[str, str]:
        # Pages elsewhere may show how things stand, as with Statuspage; behind a password they may not.
        is_open = self.content_type == "application/json" and not is_private
        shared = {"Access-Control-Allow-Origin": "*"} if is_open else {}
        return {
            **shared,
            "Content-Type": self.content_type,
            "Cache-Control": "private, no-store" if is_private else f"public, max-age={FRESH_S}",
            "ETag": self.etag,
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
        }

    def body_for(self, accept_encoding: str, headers: dict[str, str]) -> bytes:
        """What is sent to a reader who takes these encodings; the headers say so. Packed, it is another
        answer with the same meaning, which a weak tag is for."""
        if self.packed is None or not takes_gzip(accept_encoding):
            return self.body
        headers |= {"Content-Encoding": "gzip", "ETag": f"W/{self.etag}"}
        return self.packed

    def is_known_to(self, if_none_match: str) -> bool:
        """Whether the reader has these bytes."""
        known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
        return self.etag in known or "*" in known


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the header asks for gzip by name, and not for none of it (q=0)."""
    for each in accept_encoding.lower().split(","):
        name, _, weight = (part.strip() for part in each.partition(";"))
        if name == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
