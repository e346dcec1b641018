"""Secrets at rest: sealed with the installation's keys, opened only where they are used.

The first key seals; all open, so a key is changed by putting a new one in front and running
`manage.py seal_secrets`. Knows no tables.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CannotOpen(Exception):
    """None of the installation's keys opens the secret: it was sealed with one that is listed no more."""


def seal(text: str) -> bytes:
    """The text, readable to nobody without a key."""
    return _keys().encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """What `seal` was given. Raises CannotOpen."""
    try:
        return _keys().decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise CannotOpen("The secret was sealed with a key that SECRETS_KEYS does not list.") from None


def reseal(sealed: bytes | memoryview) -> bytes:
    """The same secret, sealed with the first key. Raises CannotOpen."""
    try:
        return _keys().rotate(bytes(sealed))
    except InvalidToken:
        raise CannotOpen("The secret was sealed with a key that SECRETS_KEYS does not list.") from None


def fingerprint(text: str) -> bytes:
    """32 bytes by which the text is known again, and that tell nothing of it to who has no key."""
    return fingerprints(text)[0]


def fingerprints(text: str) -> list[bytes]:
    """What it may be known by, newest key first: until `seal_secrets` has run, older ones still stand."""
    return [
        hmac.digest(_derived(key, b"apimonitor fingerprints"), text.encode(), hashlib.sha256)
        for key in settings.SECRETS_KEYS
    ]


def _keys() -> MultiFernet:
    return _fernets(tuple(settings.SECRETS_KEYS))


@lru_cache(maxsize=4)
def _fernets(texts: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_key_of(text)) for text in texts])


def _key_of(text: str) -> bytes:
    """32 bytes out of any text; bound to this use, so that nothing else made of SECRET_KEY is the same."""
    return base64.urlsafe_b64encode(_derived(text, b"apimonitor secrets at rest"))


def _derived(text: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use).derive(text.encode())
