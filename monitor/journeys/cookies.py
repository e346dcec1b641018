"""Cookies of one run, kept from step to step and hop to hop as browsers keep them."""

from collections.abc import Iterable
from email.message import Message
from functools import cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import Request

from publicsuffixlist import PublicSuffixList

from monitor.lib.outbound import parse_url

# Of one answer: a server that hands out more is not read further.
MOST_COOKIES = 100


class Policy(DefaultCookiePolicy):
    """The standard library's, which knows no public suffixes: without them a server of `a.github.io` could
    set a cookie that goes to all of `github.io`, and take those of its neighbours for its own."""

    def set_ok_domain(self, cookie: Cookie, request: Request) -> bool:
        domain = cookie.domain.lstrip(".").lower()
        # A server that is itself called as a suffix is may keep a cookie of its own (RFC 6265, 5.3).
        if cookie.domain_specified and is_public(domain):
            if domain != (request.host or "").partition(":")[0].lower():
                return False
            cookie.domain, cookie.domain_specified, cookie.domain_initial_dot = domain, False, False
        return bool(super().set_ok_domain(cookie, request))


@cache
def suffixes() -> PublicSuffixList:
    """Read once a process: it comes with the package, and nothing is fetched."""
    return PublicSuffixList(accept_unknown=False)


def is_public(domain: str) -> bool:
    """Whether anybody may have a name below this one, as below `co.uk`."""
    return bool(suffixes().is_public(domain))


class Cookies:
    """A jar. The standard library's policy says which cookie goes where, but for names that all share."""

    def __init__(self) -> None:
        # A cookie without a Domain goes back to its own host alone, as browsers have it.
        self._jar = CookieJar(Policy(rfc2965=False, strict_ns_domain=Policy.DomainStrictNonDomain))

    def take(self, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Keep what an answer sets."""
        message = Message()
        given = [value for name, value in headers if name.lower() == "set-cookie"]
        for value in given[:MOST_COOKIES]:
            message["Set-Cookie"] = value
        if given:
            answer: Any = _Answer(message)
            self._jar.extract_cookies(answer, _request(url))

    def header_for(self, url: str) -> str:
        """What goes with a request to this address, empty for nothing."""
        request = _request(url)
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie") or ""

    def of(self, url: str) -> dict[str, str]:
        """The cookies that would go to this address, by name."""
        pairs = (pair.partition("=") for pair in self.header_for(url).split("; ") if pair)
        return {name: value for name, _, value in pairs}


def _request(url: str) -> Request:
    # A value that the jar reads; nothing is opened here.
    return Request(str(parse_url(url)))  # noqa: S310


class _Answer:
    def __init__(self, headers: Message) -> None:
        self._headers = headers

    def info(self) -> Message:
        return self._headers
