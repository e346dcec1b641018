"""The HTTP semantic conventions, new names and old: https://opentelemetry.io/docs/specs/semconv/http/.

The stable names are looked up first, since a sender in its transition sends both.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from monitor.ingest import fit
from monitor.otlp.spans import Attributes, Value

METHOD = ("http.request.method", "http.method")
STATUS = ("http.response.status_code", "http.status_code")
FULL_URL = ("url.full", "http.url")
SCHEME = ("url.scheme", "http.scheme")
HOST = ("server.address", "http.host", "net.host.name", "http.server_name", "net.peer.name")
PORT = ("server.port", "net.host.port", "net.peer.port")
CLIENT = ("client.address", "http.client_ip", "network.peer.address", "net.peer.ip", "net.sock.peer.addr")
CONSUMER = ("apitally.consumer.identifier", "user.id", "enduser.id")
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
DEFAULT_PORTS = {"http": 80, "https": 443}


def text(attributes: Attributes, names: Sequence[str]) -> str | None:
    """The first of these that says anything, as text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str | int | float) and value != "":
            return str(value)
    return None


def whole(attributes: Attributes, names: Sequence[str]) -> int | None:
    """The first of these that is a whole number."""
    found = text(attributes, names)
    try:
        return int(found) if found is not None else None
    except ValueError:
        return None


def method_of(attributes: Attributes) -> str | None:
    """The method as it was sent; None for what is no HTTP request."""
    method = text(attributes, METHOD)
    return text(attributes, ["http.request.method_original"]) or method if method == "_OTHER" else method


def url_of(attributes: Attributes) -> str:
    """The whole URL, put together when the sender gives its parts; without a host, path and query."""
    full = text(attributes, FULL_URL)
    if full:
        return full
    path, query = path_and_query(attributes)
    target = f"{path}?{query}" if query else path
    host = host_of(attributes)
    scheme = text(attributes, SCHEME) or "http"
    return f"{scheme}://{host}{target}" if host else target


def path_and_query(attributes: Attributes) -> tuple[str, str]:
    """The path, with its leading slash, and the query without its question mark."""
    target, _, target_query = (text(attributes, ["http.target"]) or "").partition("?")
    path = text(attributes, ["url.path"]) or target
    query = (text(attributes, ["url.query"]) or target_query).removeprefix("?")
    if not path or not query:
        parts = split(text(attributes, FULL_URL) or "")
        path, query = path or parts[0], query or parts[1]
    return (path if path.startswith("/") else f"/{path}"), query


def split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path, parts.query


def host_of(attributes: Attributes) -> str | None:
    """Host and port as a URL has them: some senders put both into the address, some each in its place."""
    host = text(attributes, HOST)
    if host is None:
        return url_host(text(attributes, FULL_URL) or "")
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    port = whole(attributes, PORT)
    scheme = text(attributes, SCHEME) or "http"
    with_port = ":" in host.rpartition("]")[2]
    return host if with_port or port in (None, DEFAULT_PORTS.get(scheme)) else f"{host}:{port}"


def url_host(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or None
    except ValueError:
        return None


def route_of(attributes: Attributes) -> str | None:
    """The route's template; Django's instrumentation leaves out the leading slash."""
    route = text(attributes, ["http.route"])
    return route if route is None or route.startswith(("/", "^")) else f"/{route}"


def headers_of(attributes: Attributes, side: str) -> Iterator[tuple[str, list[str]]]:
    """The captured headers of `request` or `response`. HTTP's names have dashes where some senders,
    whatever their version, write underscores."""
    prefix = f"http.{side}.header."
    for name, value in attributes.items():
        if name.startswith(prefix):
            values = value if isinstance(value, list) else [value]
            yield (
                name.removeprefix(prefix).replace("_", "-").lower(),
                [str(each) for each in values if isinstance(each, str | int | float)],
            )


def client_address_of(attributes: Attributes, forwarded_for: str) -> str | None:
    """Who called. A private address is the proxy's in front of an application that does not trust it, so
    that the first hop of a captured X-Forwarded-For, when there is one, is believed instead."""
    address = fit.address_in(text(attributes, CLIENT) or "")
    if address is None or ip_address(address).is_private:
        return fit.address_in(forwarded_for.partition(",")[0]) or address
    return address


def plain(value: Value) -> str:
    """A value as a tag shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(plain(each) for each in value)
    return str(value) if isinstance(value, str | int | float) else ""
