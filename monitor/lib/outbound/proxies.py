"""Ways through a proxy: a tunnel by HTTP CONNECT, or by SOCKS5 (RFC 1928, 1929).

The proxy itself passes the guard; so does a target that it would reach by number.
"""

import asyncio
import base64
import contextlib
import ipaddress
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from monitor.lib.outbound.connecting import Resolve, system_resolve
from monitor.lib.outbound.errors import NameNotResolved, NotConnected
from monitor.lib.outbound.lines import Line, Phases, TlsWish, addresses_of, dial, line_over
from monitor.lib.outbound.policy import OutboundPolicy, vet

_SOCKS_REFUSALS = {
    1: "failed",
    2: "does not allow it",
    3: "cannot reach the network",
    4: "cannot reach the host",
    5: "was refused by the target",
    6: "waited too long",
}


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """http://, socks5:// (names are resolved here) or socks5h:// (there), with a login or without."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


def parse_proxy(url: str, *, username: str = "", password: str = "") -> Proxy:
    """Raises ValueError in plain words."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "socks5", "socks5h"} or not parts.hostname or parts.username:
        raise ValueError("A proxy is http://host:port or socks5://host:port; its login goes beside it.")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("The port of the proxy is not a number.") from None
    if port is None:
        port = 1080 if parts.scheme.startswith("socks") else 8080
    return Proxy(scheme=parts.scheme, host=parts.hostname, port=port, username=username, password=password)


async def open_through(
    proxy: Proxy,
    host: str,
    port: int,
    *,
    policy: OutboundPolicy,
    tls: TlsWish | None = None,
    resolve: Resolve = system_resolve,
) -> Line:
    """A connection to the host through the proxy. Raises OutboundError."""
    began = time.perf_counter()
    await _vet_target(host, port, policy=policy, resolve=resolve)
    target = host
    if proxy.scheme == "socks5":
        (target, *_) = await addresses_of(host, port, policy=policy, resolve=resolve)
    addresses = await addresses_of(proxy.host, proxy.port, policy=policy, resolve=resolve)
    resolved = time.perf_counter()
    connected, dialled = await dial(addresses, proxy.port)
    try:
        if proxy.scheme == "http":
            await _connect(connected, proxy, target, port)
        else:
            await _socks(connected, proxy, target, port)
    except OSError as error:
        connected.close()
        raise NotConnected("The proxy broke the connection.") from error
    except BaseException:
        connected.close()
        raise
    phases = Phases(
        resolve=round((resolved - began) * 1000, 3),
        connect=round((time.perf_counter() - resolved) * 1000, 3),
    )
    return await line_over(connected, dialled, phases=phases, tls=tls, server_name=host)


async def _vet_target(host: str, port: int, *, policy: OutboundPolicy, resolve: Resolve) -> None:
    """Raises BlockedTarget for what can be known of it here: a number in any spelling, or a name that leads
    to an address which is not allowed. A name that only the proxy knows is the proxy's to judge."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        with contextlib.suppress(NameNotResolved):
            await addresses_of(host, port, policy=policy, resolve=resolve)
        return
    vet(host, policy)


async def _connect(connected: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    if proxy.username:
        login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        head += f"Proxy-Authorization: Basic {login}\r\n"
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connected, f"{head}\r\n".encode())
    # Byte by byte: what follows the empty line belongs to the target.
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = await loop.sock_recv(connected, 1)
        if not byte or len(answer) > 8_192:
            raise NotConnected("The proxy gave no usable answer.")
        answer += byte
    words = answer.split(b" ", 2)
    if len(words) < 2 or not words[1].startswith(b"2"):
        code = words[1].decode("latin-1")[:3] if len(words) > 1 else "nothing"
        raise NotConnected(f"The proxy refused the connection ({code}).")


async def _socks(connected: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()

    async def exactly(count: int) -> bytes:
        received = b""
        while len(received) < count:
            chunk = await loop.sock_recv(connected, count - len(received))
            if not chunk:
                raise NotConnected("The proxy gave no usable answer.")
            received += chunk
        return received

    methods = b"\x00\x02" if proxy.username else b"\x00"
    await loop.sock_sendall(connected, b"\x05" + bytes([len(methods)]) + methods)
    version, method = await exactly(2)
    if version != 5 or method not in methods:
        raise NotConnected("The proxy does not accept the login, or is no SOCKS5 proxy.")
    if method == 2:
        name, word = proxy.username.encode()[:255], proxy.password.encode()[:255]
        await loop.sock_sendall(connected, b"\x01" + bytes([len(name)]) + name + bytes([len(word)]) + word)
        if (await exactly(2))[1] != 0:
            raise NotConnected("The proxy does not accept the login.")
    await loop.sock_sendall(connected, b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2))
    _, reply, _, kind = await exactly(4)
    if reply != 0:
        raise NotConnected(f"The proxy {_SOCKS_REFUSALS.get(reply, 'refused the connection')}.")
    length = {1: 4, 4: 16}.get(kind)
    await exactly((length if length is not None else (await exactly(1))[0]) + 2)


def _socks_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")[:255]
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed
