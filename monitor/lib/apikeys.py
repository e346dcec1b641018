"""The form of an API key: made, recognised and fingerprinted without a database.

`mkey_` (or `mkey_test_`), 32 random base62 characters, and 6 base62 characters of CRC-32 over all before
them. The checksum turns a typo away before it costs a query, and lets secret scanners drop look-alikes.
"""

import hashlib
import re
import secrets
import uuid
import zlib
from typing import Literal

Mode = Literal["live", "test"]

_PREFIXES: dict[Mode, str] = {"live": "mkey_", "test": "mkey_test_"}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 32  # characters; 190 bits
_CHECKSUM_LENGTH = 6  # characters; 62 ** 6 holds any CRC-32
_SHOWN_LENGTH = 8  # characters of the secret that lists may show

# For redaction, and loose on purpose: a key that was cut or has a slip is still mostly secret. Shorter ones
# are left, so the prefix that lists show stays readable.
KEY_PATTERN = re.compile(r"(?:mkey_(?:test_)?|mpat_)[0-9A-Za-z]{12,}|\bapt_[0-9A-Za-z]{12,}")

# What acts in a person's name; the same form otherwise.
PERSONAL_PREFIX = "mpat_"
_WHOLE_KEY = re.compile(r"(mkey_(?:test_)?|mpat_)[0-9A-Za-z]{38}")

# Apitally's clients switch themselves off without a credential of exactly their form.
_APITALLY_PREFIX = "apt_"
_TOKEN_LENGTH = 24  # characters; the last six are our checksum, and 107 bits are left
_TOKEN = re.compile(r"apt_[0-9A-Za-z]{24}")
# Version 4, which the JavaScript clients demand.
_CLIENT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# A client ID stands in addresses, so it opens those addresses alone: in a header it is no key.
_CLIENT_ID_MARK = "client_id:"
_CLIENT_ID_IN_PATH = re.compile(r"(/v2/[^/]{8})[^/]*")


def make_key(mode: Mode) -> str:
    """A new raw key. It is shown once and then known by its digest only."""
    return _make(_PREFIXES[mode])


def make_personal() -> str:
    """A new personal token."""
    return _make(PERSONAL_PREFIX)


def _make(prefix: str) -> str:
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return body + checksum(body)


def make_token() -> str:
    """A new write token for Apitally's clients 1.x."""
    body = _APITALLY_PREFIX + "".join(
        secrets.choice(_ALPHABET) for _ in range(_TOKEN_LENGTH - _CHECKSUM_LENGTH)
    )
    return body + checksum(body)


def make_client_id() -> str:
    """A new client ID for Apitally's clients 0.x."""
    return str(uuid.uuid4())


def credential_of_client_id(client_id: str) -> str:
    """What a client ID is known by, as other keys are known by their text."""
    return _CLIENT_ID_MARK + client_id.lower()


def hide_client_id(path: str) -> str:
    """The path of a request with as much of a client ID as lists show."""
    return _CLIENT_ID_IN_PATH.sub(r"\1…", path) if "/v2/" in path else path


def looks_valid(raw: str) -> bool:
    """Whether form and checksum are right; whether the key exists is for the database to say."""
    if raw.startswith(_CLIENT_ID_MARK):
        return bool(_CLIENT_ID.fullmatch(raw[len(_CLIENT_ID_MARK) :]))
    well_formed = _WHOLE_KEY.fullmatch(raw) or _TOKEN.fullmatch(raw)
    return bool(well_formed) and raw.endswith(checksum(raw[:-_CHECKSUM_LENGTH]))


def digest(raw: str) -> bytes:
    """SHA-256 of the key, 32 bytes. With 190 bits of entropy a salt or a slow hash would add nothing."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).digest()


def prefix_of(raw: str) -> str:
    """The part of a well-formed key that may be stored and shown: its prefix and 8 characters.

    Raises ValueError for anything else.
    """
    if _CLIENT_ID.fullmatch(raw):
        return raw[:_SHOWN_LENGTH]
    return raw[: len(_prefix(raw)) + _SHOWN_LENGTH]


def checksum(body: str) -> str:
    """CRC-32 of the text as 6 base62 characters, padded with zeros."""
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _prefix(raw: str) -> str:
    whole = _WHOLE_KEY.fullmatch(raw)
    if _TOKEN.fullmatch(raw):
        return _APITALLY_PREFIX
    if whole is None:
        raise ValueError("This is not an API key.")  # The text itself stays out: it may be a mistyped secret.
    return whole[1]
