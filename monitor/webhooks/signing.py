"""Signatures of Standard Webhooks (v1, HMAC-SHA256). Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def make_secret() -> str:
    """A new secret as receivers paste it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature_headers(
    message_id: str, body: bytes, *, timestamp: int, secrets: Iterable[str]
) -> list[tuple[str, str]]:
    """The three headers. One signature for each secret, the newest secret first; `timestamp` is in Unix
    seconds, of this very attempt."""
    signatures = " ".join(sign(message_id, body, timestamp=timestamp, secret=secret) for secret in secrets)
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signatures),
    ]


def sign(message_id: str, body: bytes, *, timestamp: int, secret: str) -> str:
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
