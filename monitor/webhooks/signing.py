"""Signatures of Standard Webhooks: v1 (HMAC-SHA256) and v1a (Ed25519). Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "whsec_"
PRIVATE_PREFIX, PUBLIC_PREFIX = "whsk_", "whpk_"
SECRET_BYTES = 32
# A private key is written as its seed with the public key behind it; the seed alone says it all.
SEED_BYTES = 32


def make_secret() -> str:
    """A new secret as receivers paste it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def make_private_key() -> str:
    """A new private key, which never leaves us; `public_key_of` is what receivers paste."""
    key = Ed25519PrivateKey.generate()
    return (
        PRIVATE_PREFIX
        + base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()
    )


def public_key_of(private_key: str) -> str:
    return PUBLIC_PREFIX + base64.b64encode(_key_pair(private_key).public_key().public_bytes_raw()).decode()


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
    """By v1a when the secret is a private key, else by v1."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    if secret.startswith(PRIVATE_PREFIX):
        return "v1a," + base64.b64encode(_key_pair(secret).sign(signed)).decode()
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _key_pair(private_key: str) -> Ed25519PrivateKey:
    seed = base64.b64decode(private_key.removeprefix(PRIVATE_PREFIX))[:SEED_BYTES]
    return Ed25519PrivateKey.from_private_bytes(seed)
