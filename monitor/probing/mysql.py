"""The little of MySQL's protocol that a login and one question need.

Source: MySQL Internals Manual, "Client/Server Protocol": handshake v10, protocol 4.1, mysql_native_password
and caching_sha2_password.
"""

import hashlib
import struct
from dataclasses import dataclass
from itertools import cycle

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.lines import Line

MAX_PACKET_BYTES = 256 * 1024
LONG_PASSWORD, WITH_DATABASE, PROTOCOL_41, TLS = 0x1, 0x8, 0x200, 0x800
TRANSACTIONS, SECURE_LOGIN, PLUGINS = 0x2000, 0x8000, 0x80000
UTF8MB4 = 45
NATIVE, CACHING = "mysql_native_password", "caching_sha2_password"


class Refused(Exception):
    """The server said no; the message is its own."""


@dataclass(frozen=True, kw_only=True)
class Greeting:
    seed: bytes
    plugin: str
    offers_tls: bool


class Packets:
    """Packets over a line: three bytes of length, one of number."""

    def __init__(self, line: Line, *, number: int = 0) -> None:
        self._line = line
        self.number = number

    async def send(self, body: bytes) -> None:
        await self._line.send(len(body).to_bytes(3, "little") + bytes([self.number & 0xFF]) + body)
        self.number += 1

    async def receive(self) -> bytes:
        """The next packet. Raises Refused for an error, BadAnswer for one that is too large or empty."""
        size = await self._head()
        if not 0 < size <= MAX_PACKET_BYTES:
            raise BadAnswer("The answer is no MySQL.", retryable=False)
        body = await self._line.receive_exactly(size)
        if body[0] == 0xFF:
            raise Refused(error_of(body))
        return body

    async def begin(self) -> tuple[int, int]:
        """The size of the next packet and its first byte; the rest stays unread. Raises Refused."""
        size = await self._head()
        if size == 0:
            raise BadAnswer("The answer is no MySQL.", retryable=False)
        first = (await self._line.receive_exactly(1))[0]
        if first == 0xFF:
            rest = await self._line.receive_exactly(min(size - 1, 512))
            raise Refused(error_of(bytes([first]) + rest))
        return size, first

    async def _head(self) -> int:
        head = await self._line.receive_exactly(4)
        self.number = head[3] + 1
        return int.from_bytes(head[:3], "little")


def error_of(body: bytes) -> str:
    """The number and words of an error packet; before the login it names no state."""
    words = body[9:] if body[3:4] == b"#" else body[3:]
    return f"{int.from_bytes(body[1:3], 'little')}: {words.decode(errors='replace')}"[:300]


def greeting_of(body: bytes) -> Greeting:
    """Raises BadAnswer for what is no handshake of version 10."""
    try:
        if body[0] != 10:
            raise ValueError("another version")
        place = body.index(b"\0", 1) + 5
        seed = body[place : place + 8]
        place += 9
        low, _, _, high, seed_bytes = struct.unpack_from("<HBHHB", body, place)
        flags = low | high << 16
        place += 18
        rest = max(13, seed_bytes - 8)
        seed += body[place : place + rest].rstrip(b"\0")
        plugin = body[place + rest :].split(b"\0")[0].decode("ascii") if flags & PLUGINS else NATIVE
    except (ValueError, struct.error) as error:
        raise BadAnswer("The greeting is no MySQL.", retryable=False) from error
    return Greeting(seed=seed, plugin=plugin or NATIVE, offers_tls=bool(flags & TLS))


def head_of(*, with_database: bool, is_secure: bool) -> bytes:
    flags = LONG_PASSWORD | PROTOCOL_41 | TRANSACTIONS | SECURE_LOGIN | PLUGINS
    flags |= WITH_DATABASE if with_database else 0
    flags |= TLS if is_secure else 0
    return struct.pack("<IIB23x", flags, MAX_PACKET_BYTES, UTF8MB4)


def tls_request(greeting: Greeting, *, with_database: bool) -> bytes:
    return head_of(with_database=with_database, is_secure=True)


def login_packet(
    greeting: Greeting, *, username: str, password: str, database: str, is_secure: bool
) -> bytes:
    plugin = greeting.plugin if greeting.plugin in (NATIVE, CACHING) else NATIVE
    proof = scrambled(plugin, password, greeting.seed, is_secure=is_secure)
    parts = [
        head_of(with_database=bool(database), is_secure=is_secure),
        username.encode() + b"\0",
        bytes([len(proof)]) + proof,
        database.encode() + b"\0" if database else b"",
        plugin.encode() + b"\0",
    ]
    return b"".join(parts)


def scrambled(plugin: str, password: str, seed: bytes, *, is_secure: bool) -> bytes:
    """What proves the password without telling it. Raises Refused for a way to sign in that is not known."""
    if plugin == "mysql_clear_password" and is_secure:
        return password.encode() + b"\0"
    if plugin not in (NATIVE, CACHING):
        raise Refused(f"The server asks for {plugin[:40]}, which is not known here.")
    if not password:
        return b""
    if plugin == NATIVE:
        once = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the protocol's own
        twice = hashlib.sha1(once).digest()  # noqa: S324
        return crossed(once, hashlib.sha1(seed + twice).digest())  # noqa: S324
    once = hashlib.sha256(password.encode()).digest()
    twice = hashlib.sha256(once).digest()
    return crossed(once, hashlib.sha256(twice + seed).digest())


def crossed(text: bytes, key: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, key, strict=True))


def public_key(pem: str) -> rsa.RSAPublicKey:
    """Raises ValueError for what is no RSA key."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA public key in PEM")
    return key


def sealed_password(password: str, seed: bytes, pem: str) -> bytes:
    """The whole password as only the server can read it, and by this greeting's seed only this once. Raises
    Refused for one that is longer than the key can seal."""
    text = password.encode() + b"\0"
    mixed = bytes(one ^ other for one, other in zip(text, cycle(seed), strict=False))
    sha1 = hashes.SHA1()  # noqa: S303 - the protocol's own
    try:
        return public_key(pem).encrypt(mixed, padding.OAEP(padding.MGF1(sha1), sha1, None))
    except ValueError:
        raise Refused("The password is too long for the server's public key.") from None
