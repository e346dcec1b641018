"""ping: an ICMP echo comes back."""

import asyncio
import os
import socket
import struct
import time
from typing import Annotated

import msgspec

from monitor.lib.outbound.lines import addresses_of
from monitor.probing.finding import Finding, Outcome, OwnError, Way
from monitor.probing.kinds.tcp import HOST, Host
from monitor.probing.registry import Field, Kind

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}


class PingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    count: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    bytes: Annotated[int, msgspec.Meta(ge=8, le=1400)] = 56
    # More lost than this share, in per cent, is down.
    most_lost: Annotated[int, msgspec.Meta(ge=0, le=99)] = 67


async def probe(options: PingOptions, way: Way) -> Finding:
    address = (await addresses_of(options.host, 0, policy=way.policy, resolve=way.resolve))[0]
    wait_s = max(way.timeout_s * 0.9 / options.count, 0.1)
    times = []
    for number in range(options.count):
        took_ms = await echo(address, number, size=options.bytes, wait_s=wait_s)
        if took_ms is not None:
            times.append(took_ms)
    lost = 100 * (options.count - len(times)) / options.count
    if not times or lost > options.most_lost:
        return Finding(outcome=Outcome.FAILED, message=f"{lost:.0f} % of {options.count} pings were lost.")
    average = sum(times) / len(times)
    return Finding(
        outcome=Outcome.OK,
        message=f"{average:.1f} ms, {lost:.0f} % lost",
        response_ms=round(average, 3),
        detail={"ping": {"lost_percent": lost, "times_ms": times}} if lost else {},
    )


def open_socket(version: int) -> socket.socket:
    """A socket for pings. Raises OwnError where this machine lets us have none."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol)
        except OSError:
            continue
    raise OwnError("This prober may not send pings; see net.ipv4.ping_group_range.")


async def echo(address: str, number: int, *, size: int, wait_s: float) -> float | None:
    """Milliseconds until the echo of our own packet came back, None when it did not."""
    version = 6 if ":" in address else 4
    loop = asyncio.get_running_loop()
    content = os.urandom(size)
    with open_socket(version) as pinging:
        pinging.setblocking(False)
        packet = packed(ECHO_REQUEST[version], number, content)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(wait_s):
                await loop.sock_sendto(pinging, packet, (address, 0))
                while True:
                    answer = await loop.sock_recv(pinging, 65_536)
                    # A raw socket also hears its own request and all others' echoes.
                    if is_echo(answer, content, version):
                        return round((time.perf_counter() - began) * 1000, 3)
        except (OSError, TimeoutError):
            return None


def packed(kind: int, number: int, content: bytes) -> bytes:
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, number)
    return struct.pack("!BBHHH", kind, 0, checksum(head + content), os.getpid() & 0xFFFF, number) + content


def checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\x00" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def is_echo(answer: bytes, content: bytes, version: int) -> bool:
    # A raw IPv4 socket gives the IP header too, whose first half byte says 4.
    start = (answer[0] & 0x0F) * 4 if version == 4 and answer and answer[0] >> 4 == 4 else 0
    return answer[start : start + 1] == bytes([ECHO_REPLY[version]]) and answer.endswith(content)


KIND = Kind(
    name="ping",
    words="Ping",
    order=3,
    options=PingOptions,
    probe=probe,
    target=lambda options: str(options.host),
    fields=(
        HOST,
        Field(name="count", label="Pings a check", type="number"),
        Field(name="bytes", label="Bytes", type="number", is_rare=True),
        Field(name="most_lost", label="Down when more is lost than (%)", type="number", is_rare=True),
    ),
)
