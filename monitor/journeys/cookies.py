"""Cookies of one run, kept from step to step and hop to hop as browsers keep them."""

from collections.abc import Iterable
from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import Request

from monitor.lib.outbound import parse_url

# Of one answer: a server that hands out more is not read further.
MOST_COOKIES = 100


class Cookies:
    """A jar. The standard library's policy says which cookie goes where."""

    def __init__(self) -> None:
        self._jar = CookieJar(DefaultCookiePolicy(rfc2965=False, strict_ns_domain=0))

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
