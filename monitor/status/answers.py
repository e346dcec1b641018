"""A rendered page as bytes: what is kept in memory, on disk, and sent."""

import hashlib
from dataclasses import dataclass

# Readers of every kind may keep it this long; a page is made at most this often in a process.
FRESH_S = 10

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

    def headers(self, *, is_private: bool = False) -> dict[str, str]:
        # Pages elsewhere may show how things stand, as with Statuspage; behind a password they may not.
        is_open = self.content_type == "application/json" and not is_private
        shared = {"Access-Control-Allow-Origin": "*"} if is_open else {}
        return {
            **shared,
            "Content-Type": self.content_type,
            "Cache-Control": "private, no-store" if is_private else f"public, max-age={FRESH_S}",
            "ETag": self.etag,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
        }

    def is_known_to(self, if_none_match: str) -> bool:
        """Whether the reader has these bytes."""
        known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
        return self.etag in known or "*" in known
