"""Documents signed by this installation, so that whoever has one can show that it was not changed.

Ed25519 with a key made of the first of SECRETS_KEYS: nothing more to keep, and anybody can verify with the
public key. After a change of that key, older documents still verify with the public key they name.
"""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ALGORITHM = "Ed25519"


def sign(document: bytes) -> str:
    """The signature of these bytes, in base64."""
    return base64.b64encode(_key().sign(document)).decode()


def public_key() -> str:
    """What signatures are verified with: 32 bytes in base64."""
    return base64.b64encode(_key().public_key().public_bytes_raw()).decode()


def is_signed(document: bytes, *, signature: str, public_key: str) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), document)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key() -> Ed25519PrivateKey:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"apimonitor signed documents")
    return Ed25519PrivateKey.from_private_bytes(derived.derive(settings.SECRETS_KEYS[0].encode()))
