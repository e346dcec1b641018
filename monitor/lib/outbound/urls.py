"""URLs that may be called: strict in their characters, and parsed once, by the client's own parser."""

import ipaddress
import re
from dataclasses import dataclass, field

import httpx

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986 knows no others. A stricter look before the one parse narrows what it sees; two parsers would
# disagree.
_NOT_IN_URLS = re.compile(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


class UnusableUrl(ValueError):
    """The URL cannot be called; the message says why in plain words and does not repeat it."""


@dataclass(frozen=True, kw_only=True)
class ParsedUrl:
    """A URL taken apart: what to dial (host without brackets, port) and what to ask for (path with query)."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)  # its query may hold secrets

    @property
    def host_header(self) -> str:
        """The host for a Host header: IPv6 in brackets, and the port unless it is the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port always written out: equal text means equal origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target}"


def parse_url(url: str, *, max_length: int = 8_192) -> ParsedUrl:
    """The parts of an absolute http or https URL. Raises UnusableUrl.

    Refuses user names and passwords, fragments, whatever RFC 3986 does not know (names of other scripts
    belong in punycode, other letters percent-encoded), and more than `max_length` characters.
    """
    if len(url) > max_length:
        raise UnusableUrl(f"The URL is longer than {max_length} characters.")
    if strange := _NOT_IN_URLS.search(url):
        raise UnusableUrl(
            f"The URL has a character that must be percent-encoded at position {strange.start()}."
        )
    if not _SCHEME.match(url):
        raise UnusableUrl("The URL must begin with http:// or https://.")
    if "#" in url:
        raise UnusableUrl("The URL must not have a fragment (#...).")
    _check_authority(re.split(r"[/?]", url.partition("://")[2], maxsplit=1)[0])
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UnusableUrl("The URL is not valid.") from error
    port = parsed.port or _DEFAULT_PORTS[parsed.scheme]
    return ParsedUrl(
        scheme=parsed.scheme,
        host=_normal_host(parsed.host),
        port=port,
        target=parsed.raw_path.decode("ascii"),
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, such as "https://example.com:443". Raises UnusableUrl."""
    return parse_url(url).origin


def _check_authority(authority: str) -> None:
    if "@" in authority:
        raise UnusableUrl("The URL must not hold a user name or password.")
    if not _AUTHORITY.fullmatch(authority):
        raise UnusableUrl("The URL must name a host, and a port only as a number.")
    port = re.search(r":([0-9]+)$", authority)
    if port and not authority.endswith("]") and not 0 < int(port[1]) < 65_536:
        raise UnusableUrl("The port of the URL must be from 1 to 65535.")


def _normal_host(host: str) -> str:
    return ipaddress.IPv6Address(host).compressed if ":" in host else host
