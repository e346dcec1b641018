"""Sockets that reach vetted addresses only and keep to one deadline for everything."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import httpcore

from monitor.lib.outbound.errors import (
    BadAnswer,
    BlockedTarget,
    NameNotResolved,
    NotConnected,
    TimedOut,
    TlsFailed,
)
from monitor.lib.outbound.policy import OutboundPolicy, vet_all

# The addresses of a host and port, as literals. Raises OSError when there are none.
Resolve = Callable[[str, int], Sequence[str]]

_MOST_ADDRESSES = 4  # tried per connection


class Deadline:
    """The moment, on the monotonic clock, by which a call must be over."""

    def __init__(self, timeout_s: float, words: str = "No complete answer within") -> None:
        self._at = time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._words = words

    def no_later_than(self, timeout_s: float, words: str) -> "Deadline":
        """This one, or an earlier one that many seconds from now."""
        sooner = Deadline(timeout_s, words)
        return sooner if sooner._at < self._at else self

    def remaining_s(self) -> float:
        """Seconds left, always more than zero. Raises TimedOut when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            self.raise_timed_out()
        return left

    def raise_timed_out(self) -> NoReturn:
        raise TimedOut(f"{self._words} {self._timeout_s:g} s.")


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses the system's resolver gives, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(address[0]) for *_, address in found]


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves once, judges every address, dials a judged one by its number.

    TLS still checks the certificate against the name: the client names the host when it starts TLS, not this.
    """

    def __init__(
        self,
        *,
        policy: OutboundPolicy,
        deadline: Deadline,
        resolve: Resolve,
        connect_timeout_s: float | None = None,
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._policy = policy
        self._deadline = deadline
        self._resolve = resolve
        self.dialled = ""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the host. Raises only errors of ours; the deadline stands in for `timeout`."""
        addresses = vet_all(self._resolved(host, port), self._policy)[:_MOST_ADDRESSES]
        connecting = self._deadline
        if self._connect_timeout_s is not None:
            connecting = self._deadline.no_later_than(self._connect_timeout_s, "No connection within")
        for place, address in enumerate(addresses):
            # A silent address must leave time for those after it.
            timeout_s = connecting.remaining_s() / (len(addresses) - place)
            if (connected := _dial(address, port, timeout_s)) is not None:
                self.dialled = address
                return GuardedStream(connected, self._deadline)
        connecting.remaining_s()
        raise NotConnected("The target does not accept connections.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never: local sockets are the way to what must not be reached."""
        raise BlockedTarget

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """The addresses of the host, or an error in time.

        The system's resolver knows no time limit, so it runs in a thread that is left behind when it is late.
        """
        outcome: list[Sequence[str] | Exception] = []

        def ask() -> None:
            try:
                outcome.append(self._resolve(host, port))
            except Exception as error:
                outcome.append(error)

        asking = threading.Thread(target=ask, name="outbound-resolve", daemon=True)
        asking.start()
        asking.join(self._deadline.remaining_s())
        if not outcome:
            self._deadline.raise_timed_out()
        found = outcome[0]
        if isinstance(found, UnicodeError):  # An empty or endless label, which no resolver was asked about.
            raise NameNotResolved("The name of the target is not valid.", retryable=False) from found
        if isinstance(found, OSError):
            raise NameNotResolved("The name of the target could not be resolved.") from found
        if isinstance(found, Exception):
            raise found
        if not found:
            raise NameNotResolved("The name of the target has no address.")
        return found


def _dial(address: str, port: int, timeout_s: float) -> socket.socket | None:
    """A connected socket, or None. Not `create_connection`: that would resolve, and so decide, once more."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        dialling = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None  # A machine without IPv6.
    try:
        dialling.settimeout(timeout_s)
        dialling.connect((address, port))
        dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        dialling.close()
        return None
    return dialling


class GuardedStream(httpcore.NetworkStream):
    """A connection on which each step gets only the time the whole call has left.

    A read timeout alone never stops a server that sends a byte now and then.
    """

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`, empty at the end. Raises TimedOut or BadAnswer."""
        self._socket.settimeout(self._deadline.remaining_s())
        try:
            return self._socket.recv(max_bytes)
        except TimeoutError:
            self._deadline.raise_timed_out()
        except OSError as error:
            raise BadAnswer("The connection broke before the answer was complete.") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all. Raises TimedOut; WriteError makes the client look for an answer all the same."""
        left = memoryview(buffer)
        while left:
            self._socket.settimeout(self._deadline.remaining_s())
            try:
                left = left[self._socket.send(left) :]
            except TimeoutError:
                self._deadline.raise_timed_out()
            except OSError as error:
                raise httpcore.WriteError from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, secured. Raises TlsFailed or TimedOut."""
        try:
            self._socket.settimeout(self._deadline.remaining_s())
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException as error:
            self.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                reason = error.verify_message.rstrip(".")
                raise TlsFailed(f"The certificate was refused: {reason}.", retryable=False) from error
            if isinstance(error, TimeoutError):
                self._deadline.raise_timed_out()
            if isinstance(error, OSError | ValueError):
                raise TlsFailed("The secure connection could not be set up.") from error
            raise
        return GuardedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """The TLS object, for which the client asks to learn the protocol agreed on."""
        return self._socket if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket) else None
