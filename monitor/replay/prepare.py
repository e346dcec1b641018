"""From a kept request and the caller's overrides to the request that goes out. Pure, but for settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from django.conf import settings

from monitor.lib.masking import contains_mask
from monitor.lib.outbound import ParsedUrl, UnusableUrl, origin_of, parse_url
from monitor.models import Service
from monitor.search import LogDetail

# Left as they are in a kept URL; anything else a sender put there unescaped is escaped now.
URL_CHARACTERS = "-._~:/?#[]@!$&'()*+,;=%"
HeaderOverride = str | list[str] | None
# Made afresh for each connection or message (RFC 9110, 7.6.1 and 8.6), and what we decode ourselves: bodies
# are kept as text, so the encoding they once had no longer describes them.
MADE_AFRESH = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class ReplayRefused(Exception):
    """The request cannot be sent as asked. `field` is the override that is at fault, or would help."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TargetNotAllowed(ReplayRefused):
    """The target is none of the service's origins."""

    def __init__(self, field: str, origin: str) -> None:
        super().__init__(
            field, f"{origin} is not an allowed target. Add it to the service's base_url or replay_origins."
        )
        self.origin = origin


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What to send in place of the original. A header that is None is left out."""

    url: str | None = None
    headers: Mapping[str, HeaderOverride] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """The request as it will be sent, and what of the original could not be."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str | None
    omitted_headers: list[str]
    omitted_params: list[str]


def prepare(detail: LogDetail, overrides: Overrides, *, service: Service) -> Outgoing:
    """Raises ReplayRefused, or TargetNotAllowed, before anything is sent."""
    url, omitted_params = without_masked_params(target_url(detail, overrides, service))
    check_target(url, service=service, asked=overrides.url is not None)
    headers, omitted_headers = outgoing_headers(detail.request_headers or {}, overrides.headers)
    return Outgoing(
        method=detail.log.method,
        url=url,
        headers=headers,
        body=outgoing_body(detail, overrides),
        omitted_headers=omitted_headers,
        omitted_params=omitted_params,
    )


def target_url(detail: LogDetail, overrides: Overrides, service: Service) -> str:
    """Where to: the override, else the original; one that was kept without its host hangs on the base URL."""
    url = overrides.url or with_query(quote(detail.log.url, safe=URL_CHARACTERS), detail.query_params)
    if "://" in url or not service.base_url:
        return url
    try:
        return urljoin(service.base_url, url)
    except ValueError:
        # Kept as a sender wrote it, and no URL: the strict parser says why.
        return url


def with_query(url: str, params: Mapping[str, Any] | None) -> str:
    """The URL with its query, which some senders report beside it only."""
    if not params or "?" in url:
        return url
    return f"{url}?{urlencode(params, doseq=True, safe='*')}"


def without_masked_params(url: str) -> tuple[str, list[str]]:
    """The URL without user info and query values that were masked, and the names of what was left out.

    What is no URL at all is given back as it is, for the strict parser to refuse.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, []
    kept: list[str] = []
    omitted: list[str] = []
    for pair in parts.query.split("&") if parts.query else []:
        name, _, value = pair.partition("=")
        if contains_mask(value):
            omitted.append(name)
        else:
            kept.append(pair)
    if contains_mask(parts.path):
        raise ReplayRefused("override_url", "The kept path has masked values: give the URL to send to.")
    host = parts.netloc
    if contains_mask(host):
        host = host.rpartition("@")[2]
        omitted.append("user info")
    return urlunsplit((parts.scheme, host, parts.path, "&".join(kept), "")), omitted


def check_target(url: str, *, service: Service, asked: bool) -> None:
    """Raises TargetNotAllowed unless the origin is one of the service's own."""
    at_fault = "override_url" if asked else "url"
    try:
        target = parse_url(url)
    except UnusableUrl as error:
        raise ReplayRefused(at_fault, str(error)) from None
    if target.origin in allowed_origins(service) or (settings.QUICK_START and names_loopback(target)):
        return
    raise TargetNotAllowed(at_fault, target.origin)


def names_loopback(target: ParsedUrl) -> bool:
    """Whether the host is this machine by its very name; what it resolves to is judged when it is dialled."""
    try:
        return ip_address(target.host).is_loopback
    except ValueError:
        return target.host == "localhost"


def allowed_origins(service: Service) -> set[str]:
    own = [service.base_url] if service.base_url else []
    return {origin_of(url) for url in [*own, *service.replay_origins]}


def outgoing_headers(
    original: Mapping[str, str | list[str]], overrides: Mapping[str, HeaderOverride]
) -> tuple[list[tuple[str, str]], list[str]]:
    """The headers to send, and the names of those that were masked and not given anew."""
    given = {name.lower() for name in overrides}
    nominated = {
        option.strip().lower()
        for name, value in original.items()
        if name.lower() == "connection"
        for line in lines(value)
        for option in line.split(",")
    }
    kept: list[tuple[str, str]] = []
    omitted: list[str] = []
    for name, value in original.items():
        if name.lower() in given | nominated | MADE_AFRESH:
            continue
        if any(contains_mask(line) for line in lines(value)):
            omitted.append(name)
        else:
            kept += [(name, line) for line in lines(value)]
    for name, override in overrides.items():
        if override is not None and name.lower() not in MADE_AFRESH:
            kept += [(name, line) for line in lines(override)]
    return kept, omitted


def lines(value: str | list[str]) -> Iterable[str]:
    return value if isinstance(value, list) else [value]


def outgoing_body(detail: LogDetail, overrides: Overrides) -> str | None:
    """The body to send. Raises ReplayRefused when the kept one is not what was sent."""
    if overrides.body is not None:
        return overrides.body
    if detail.request_body_dropped:
        raise ReplayRefused("override_body", "This service keeps no bodies: give the body to send.")
    if detail.request_truncated:
        raise ReplayRefused("override_body", "The kept body was cut: give the whole body to send.")
    if detail.request_body is not None and contains_mask(detail.request_body):
        raise ReplayRefused("override_body", "The kept body has masked values: give the body to send.")
    return detail.request_body
