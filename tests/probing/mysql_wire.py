"""MySQL's protocol as a server speaks it. MariaDB 10.11.19 was looked at by hand too (native password, TLS, a
database, read only), and the proofs of both ways to sign in are those of PyMySQL 1.2.4."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

SEED = bytes(range(1, 21))
PASSWORD = "hunter2"
DONE = b"\x00\x00\x00\x02\x00\x00\x00"
END = b"\xfe\x00\x00\x02\x00"
COLUMN = b"\x03def\x00\x00\x00\x011\x00\x0c\x3f\x00\x01\x00\x00\x00\x08\x81\x00\x00\x00\x00"
TLS = 0x800


def greeting(plugin, *, tls=False):
    flags = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000 | (TLS if tls else 0)
    return (
        b"\x0a8.4.0\x00\x07\x00\x00\x00"
        + SEED[:8]
        + b"\x00"
        + (flags & 0xFFFF).to_bytes(2, "little")
        + b"\xff\x02\x00"
        + (flags >> 16).to_bytes(2, "little")
        + b"\x15"
        + bytes(10)
        + SEED[8:]
        + b"\x00"
        + plugin.encode()
        + b"\x00"
    )


def error(number, words):
    return b"\xff" + number.to_bytes(2, "little") + b"#28000" + words.encode()


def is_native(proof, seed=SEED):
    """As the server checks it: with what it stores, which is not the password."""
    stored = hashlib.sha1(hashlib.sha1(PASSWORD.encode()).digest()).digest()  # noqa: S324
    key = hashlib.sha1(seed + stored).digest()  # noqa: S324
    return hashlib.sha1(bytes(a ^ b for a, b in zip(proof, key, strict=True))).digest() == stored  # noqa: S324


def is_caching(proof):
    stored = hashlib.sha256(hashlib.sha256(PASSWORD.encode()).digest()).digest()
    key = hashlib.sha256(stored + SEED).digest()
    return hashlib.sha256(bytes(a ^ b for a, b in zip(proof, key, strict=True))).digest() == stored


def unsealed(packet, key):
    """The password that a client sealed by the server's public key."""
    sha1 = hashes.SHA1()  # noqa: S303
    mixed = key.decrypt(packet, padding.OAEP(padding.MGF1(sha1), sha1, None))
    return bytes(one ^ SEED[place % len(SEED)] for place, one in enumerate(mixed))


class Wire:
    """Packets as the server sends and hears them."""

    def __init__(self, line):
        self.line, self.number = line, 0

    def say(self, body):
        self.line.sendall(len(body).to_bytes(3, "little") + bytes([self.number]) + body)
        self.number = (self.number + 1) % 256

    def hear(self):
        head = self.exactly(4)
        self.number = head[3] + 1
        return self.exactly(int.from_bytes(head[:3], "little"))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            data += self.line.recv(count - len(data)) or self.gone()
        return data

    def gone(self):
        raise OSError("the other side left")

    def login(self):
        """User, proof and database of a login packet."""
        body = self.hear()
        user, _, rest = body[32:].partition(b"\x00")
        proof, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        return user, proof, rest.split(b"\x00")[0]

    def answer_queries(self, *rows, asked):
        asked.append(self.hear())
        self.say(DONE)
        asked.append(self.hear())
        for packet in (b"\x01", COLUMN, END, *rows):
            self.say(packet)
