"""Which addresses may be called.

Own lists instead of `ipaddress.is_global`: Python 3.11.7 calls ::ffff:100.64.0.1, 224.0.0.1, 64:ff9b::7f00:1,
2002:7f00:1::1 and fec0::1 global. IPv6 is the other way round: only 2000::/3 is allowed, so that NAT64,
IPv4-compatible, unique local, link-local and multicast addresses fall out without being named.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.urls import ParsedUrl

Network = IPv4Network | IPv6Network

_DENIED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
            "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        ),
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")
_DENIED_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

# Where clouds hand out credentials to whoever asks (AWS, Google and most others; AWS on IPv6; Alibaba;
# Azure).
_METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv6Network("fd00:ec2::254/128"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
)
_MAPPED = IPv6Network("::ffff:0:0/96")
# Networks that carry an IPv4 address in their last 32 bits: IPv4-compatible and NAT64.
_CARRIERS = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, kw_only=True)
class OutboundPolicy:
    """What one caller may reach: public addresses, and those of `allow`. Ports None means any port."""

    allow: tuple[Network, ...] = ()
    ports: frozenset[int] | None = None
    schemes: frozenset[str] = frozenset({"http", "https"})
    allow_loopback: bool = False

    def check(self, url: ParsedUrl) -> None:
        """Raises BlockedTarget for a scheme or port outside the policy."""
        if url.scheme not in self.schemes or (self.ports is not None and url.port not in self.ports):
            raise BlockedTarget


def vet(address: str, policy: OutboundPolicy) -> str:
    """The address to dial, as a plain literal. Raises BlockedTarget when the policy does not allow it."""
    ip = _unmapped(ipaddress.ip_address(address.partition("%")[0]))
    if _is_metadata(ip):  # Before any allowance: no setting opens this.
        raise BlockedTarget
    allowed = policy.allow + (_LOOPBACK if policy.allow_loopback else ())
    if not (_is_in(ip, allowed) or _is_public(ip)):
        raise BlockedTarget
    return str(ip)


def vet_all(addresses: Iterable[str], policy: OutboundPolicy) -> tuple[str, ...]:
    """The addresses to dial, each once. One bad address refuses them all: nobody honest mixes them."""
    return tuple(dict.fromkeys(vet(address, policy) for address in addresses))


def parse_allow_list(text: str) -> tuple[Network, ...]:
    """Networks from text such as "10.0.0.0/8, 192.168.1.7 fd12::/16".

    Raises ValueError naming the entry that is no network, or that covers a cloud's metadata address.
    """
    return tuple(_parse_network(entry) for entry in re.split(r"[,\s]+", text) if entry)


def _parse_network(entry: str) -> Network:
    try:
        network = ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(f"{entry!r} is not a network: {error}.") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Addresses are unmapped before they are compared, so must be what they are compared with.
        network = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    for metadata in _METADATA:
        if network.version == metadata.version and network.overlaps(metadata):
            raise ValueError(
                f"{entry!r} covers the cloud metadata address {metadata}; list narrower networks."
            )
    return network


def _unmapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _is_in(ip: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return not _is_in(ip, _DENIED_V4)
    return ip in _GLOBAL_V6 and not _is_in(ip, _DENIED_V6)


def _is_metadata(ip: IPv4Address | IPv6Address) -> bool:
    return any(_is_in(form, _METADATA) for form in _forms(ip))


def _forms(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address and those it carries, because an operator may have allowed NAT64 or 6to4."""
    yield ip
    if isinstance(ip, IPv4Address):
        return
    if _is_in(ip, _CARRIERS):
        yield IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.sixtofour:
        yield ip.sixtofour
    if ip.teredo:
        yield from ip.teredo
