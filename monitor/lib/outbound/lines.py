"""Connections for asyncio that pass the same guard, and that say how long each phase of theirs took."""

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import certifi

from monitor.lib.outbound.connecting import Resolve, system_resolve
from monitor.lib.outbound.errors import BadAnswer, NameNotResolved, NotConnected, TlsFailed
from monitor.lib.outbound.policy import OutboundPolicy, vet_all
from monitor.lib.outbound.turns import asked_together

_MOST_ADDRESSES = 4
# One silent address must not use up the time of those after it, when there are any.
_SHARE_OF_SILENCE_S = 5.0
# The system's resolver blocks its thread, and a look-up that nobody waits for any more goes on. Those of one
# name share one thread; a check whose look-up never got one says nothing of its target.
_RESOLVING = ThreadPoolExecutor(64, thread_name_prefix="outbound-resolve")

Family = Literal[0, 4, 6]


@dataclass(frozen=True, kw_only=True)
class Phases:
    """How long each step took, in milliseconds; None for a step that did not happen."""

    resolve: float | None = None
    connect: float | None = None
    tls: float | None = None
    wait: float | None = None
    transfer: float | None = None

    def listed(self) -> list[float | None]:
        return [self.resolve, self.connect, self.tls, self.wait, self.transfer]


@dataclass(frozen=True, kw_only=True)
class TlsWish:
    """How a connection is to be secured. PEM texts, empty for none; versions as "1.2" or "1.3"."""

    verify: bool = True
    lowest: str = ""
    highest: str = ""
    authorities: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    # Protocols to offer, as ("h2",).
    alpn: tuple[str, ...] = ()


_VERSIONS = {
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


@lru_cache(maxsize=128)
def context_for(wish: TlsWish) -> ssl.SSLContext:
    """The context that does so; remembered, as reading the authorities takes 20 ms. Raises TlsFailed when
    the certificate or key cannot be read."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.minimum_version = _VERSIONS.get(wish.lowest, ssl.TLSVersion.TLSv1_2)
    if wish.highest:
        context.maximum_version = _VERSIONS[wish.highest]
    try:
        if wish.authorities:
            context.load_verify_locations(cadata=wish.authorities)
        if wish.certificate:
            with _as_file(f"{wish.certificate}\n{wish.key}\n") as path:
                # Without a password of its own, OpenSSL would ask on the terminal.
                context.load_cert_chain(path, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise TlsFailed(
            "The client certificate, its key or the authorities cannot be read.", retryable=False
        ) from error
    if wish.alpn:
        context.set_alpn_protocols(list(wish.alpn))
    if not wish.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """The text as a file for nobody else, and only for a moment: OpenSSL takes keys from files alone."""
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)


@dataclass(kw_only=True)
class Line:
    """An open connection, which its `async with` closes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    phases: Phases
    dialled: str

    async def __aenter__(self) -> "Line":
        return self

    async def __aexit__(self, *_: object) -> None:
        # Nobody waits for the other side's goodbye.
        self.writer.transport.abort()

    @property
    def tls(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self.writer.get_extra_info("ssl_object")
        return found

    async def send(self, data: bytes) -> None:
        """Raises BadAnswer when the other side went away."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise BadAnswer("The connection broke before all was sent.") from error

    async def receive(self, most: int = 65_536) -> bytes:
        """What came, empty at the end. Raises BadAnswer."""
        try:
            return await self.reader.read(most)
        except OSError as error:
            raise BadAnswer("The connection broke before the answer was complete.") from error

    async def receive_line(self) -> bytes:
        """A whole line without its end. Raises BadAnswer when none came."""
        try:
            line = await self.reader.readline()
        except (OSError, ValueError) as error:
            raise BadAnswer("The other side broke off, or sent a line without end.") from error
        if not line.endswith(b"\n"):
            raise BadAnswer("The other side closed the connection before it answered.")
        return line.rstrip(b"\r\n")

    async def receive_exactly(self, count: int) -> bytes:
        try:
            return await self.reader.readexactly(count)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise BadAnswer("The other side closed the connection before it answered.") from error


async def addresses_of(
    host: str, port: int, *, policy: OutboundPolicy, family: Family = 0, resolve: Resolve = system_resolve
) -> tuple[str, ...]:
    """The judged addresses of the host, in order of preference. Raises NameNotResolved and BlockedTarget."""
    try:
        found = await asked_together(_RESOLVING, (resolve, host), resolve, host, port)
    except UnicodeError as error:
        raise NameNotResolved("The name of the target is not valid.", retryable=False) from error
    except OSError as error:
        raise NameNotResolved("The name of the target could not be resolved.") from error
    # Judged before it is chosen from: one bad address refuses them all.
    vetted = vet_all(found, policy)
    chosen = [each for each in vetted if family == 0 or (":" in each) == (family == 6)]
    if not chosen:
        version = f"IPv{family} " if family else ""
        raise NameNotResolved(f"The name of the target has no {version}address.")
    return tuple(chosen[:_MOST_ADDRESSES])


async def dial(addresses: Sequence[str], port: int) -> tuple[socket.socket, str]:
    """A connected socket, and the address it reached. The caller bounds the time. Raises NotConnected."""
    loop = asyncio.get_running_loop()
    for place, address in enumerate(addresses):
        is_last = place == len(addresses) - 1
        dialling = None
        try:
            dialling = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            dialling.setblocking(False)
            async with asyncio.timeout(None if is_last else _SHARE_OF_SILENCE_S):
                await loop.sock_connect(dialling, (address, port))
            dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return dialling, address
        except (OSError, TimeoutError):
            if dialling is not None:
                dialling.close()
        except BaseException:
            if dialling is not None:
                dialling.close()
            raise
    raise NotConnected("The target does not accept connections.")


async def open_line(
    host: str,
    port: int,
    *,
    policy: OutboundPolicy,
    tls: TlsWish | None = None,
    server_name: str = "",
    family: Family = 0,
    resolve: Resolve = system_resolve,
) -> Line:
    """A connection to the host, secured if wished. The caller bounds the time. Raises OutboundError."""
    began = time.perf_counter()
    addresses = await addresses_of(host, port, policy=policy, family=family, resolve=resolve)
    resolved = time.perf_counter()
    connected, dialled = await dial(addresses, port)
    phases = Phases(resolve=_ms(began, resolved), connect=_ms(resolved, time.perf_counter()))
    return await line_over(connected, dialled, phases=phases, tls=tls, server_name=server_name or host)


async def line_over(
    connected: socket.socket, dialled: str, *, phases: Phases, tls: TlsWish | None, server_name: str
) -> Line:
    """Streams over a connected socket, which is closed when that fails."""
    began = time.perf_counter()
    try:
        context = context_for(tls) if tls else None
        reader, writer = await asyncio.open_connection(
            sock=connected, ssl=context, server_hostname=server_name if context else None
        )
    except ssl.SSLCertVerificationError as error:
        reason = (error.verify_message or "it is not valid").rstrip(".")
        raise TlsFailed(f"The certificate was refused: {reason}.", retryable=False) from error
    except (OSError, ValueError) as error:
        raise TlsFailed("The secure connection could not be set up.") from error
    finally:
        # asyncio closes what it took over; what it never took is ours.
        if "writer" not in locals():
            connected.close()
    if context:
        phases = replace(phases, tls=_ms(began, time.perf_counter()))
    return Line(reader=reader, writer=writer, phases=phases, dialled=dialled)


async def secured(line: Line, tls: TlsWish, *, server_name: str) -> Line:
    """The same line, from here on under TLS. The caller bounds the time. Raises TlsFailed and BadAnswer."""
    # What came behind the answer in the clear would be taken for what was said under TLS.
    if getattr(line.reader, "_buffer", b""):
        raise BadAnswer("The other side said more in the clear than it was asked.", retryable=False)
    began = time.perf_counter()
    try:
        await line.writer.start_tls(context_for(tls), server_hostname=server_name)
    except ssl.SSLCertVerificationError as error:
        reason = (error.verify_message or "it is not valid").rstrip(".")
        raise TlsFailed(f"The certificate was refused: {reason}.", retryable=False) from error
    except (OSError, ValueError) as error:
        raise TlsFailed("The secure connection could not be set up.") from error
    phases = replace(line.phases, tls=_ms(began, time.perf_counter()))
    return Line(reader=line.reader, writer=line.writer, phases=phases, dialled=line.dialled)


def _ms(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 3)
