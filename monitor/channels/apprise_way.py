"""Apprise, with its calls led through our door: every address is judged, and no redirect is followed.

Its plugins call by the functions of `requests`, which each has as a name of its own module. There they find
ours instead. A plugin that called by anything else would not be in the list of schemes.
"""

import contextlib
import importlib
import io
import logging
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any

import apprise
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from monitor.channels.apprise_services import PLUGINS, REFUSED_PARAMETERS, scheme_of
from monitor.channels.message import Message
from monitor.channels.way import NotTold, Way

ASSET = apprise.AppriseAsset(
    app_id="API Monitor",
    app_desc="API Monitor",
    app_url="",
    http_redirects=False,
    # Neither its files on this disk, nor plugins out of it.
    plugin_paths=[],
    secure_logging=True,
    async_mode=False,
)
TYPES = {
    "critical": apprise.NotifyType.FAILURE,
    "warning": apprise.NotifyType.WARNING,
    "info": apprise.NotifyType.INFO,
}
# Its own words name addresses, with what is secret in them.
logging.getLogger("apprise").setLevel(logging.CRITICAL)
_here = threading.local()
_guarding = threading.Lock()


class OurDoor(BaseAdapter):
    """Sends what `requests` prepared by the way of the attempt that runs in this thread."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        way: Way | None = getattr(_here, "way", None)
        if way is None:
            raise requests.ConnectionError("There is no way out beside an attempt.")
        body: Any = request.body or b""
        try:
            answer = way.send(
                request.method or "GET",
                request.url or "",
                headers=[(name, as_text(value)) for name, value in request.headers.items()],
                body=body.encode() if isinstance(body, str) else bytes(body),
            )
        except NotTold as error:
            _here.failure = error
            raise requests.ConnectionError(error.message) from error
        _here.failure = None if 200 <= answer.status_code <= 299 else way.refused(answer)
        response = requests.Response()
        response.status_code = answer.status_code
        response.url = answer.url
        response.request = request
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        return response

    def close(self) -> None:
        pass


def as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class GuardedSession(requests.Session):
    """A session without proxies, .netrc and redirects, whose one way out is ours."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, OurDoor())

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        return super().request(method, url, *args, **{**options, "allow_redirects": False})


class GuardedRequests(types.ModuleType):
    """`requests` as plugins see it: its errors and codes are its own, its calls are ours."""

    Session = session = GuardedSession

    def __getattr__(self, name: str) -> Any:
        if name == "api":
            raise AttributeError(name)
        return getattr(requests, name)

    @staticmethod
    def request(method: str, url: str, **options: Any) -> requests.Response:
        with GuardedSession() as session:
            return session.request(method, url, **options)

    @classmethod
    def get(cls, url: str, params: Any = None, **options: Any) -> requests.Response:
        return cls.request("GET", url, params=params, **options)

    @classmethod
    def post(cls, url: str, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        return cls.request("POST", url, data=data, json=json, **options)

    @classmethod
    def put(cls, url: str, data: Any = None, **options: Any) -> requests.Response:
        return cls.request("PUT", url, data=data, **options)

    @classmethod
    def patch(cls, url: str, data: Any = None, **options: Any) -> requests.Response:
        return cls.request("PATCH", url, data=data, **options)

    @classmethod
    def delete(cls, url: str, **options: Any) -> requests.Response:
        return cls.request("DELETE", url, **options)

    @classmethod
    def head(cls, url: str, **options: Any) -> requests.Response:
        return cls.request("HEAD", url, **options)

    @classmethod
    def options(cls, url: str, **options: Any) -> requests.Response:
        return cls.request("OPTIONS", url, **options)


def plugin_of(url: str) -> Any:
    """The plugin for the URL, its calls led through our door. Raises NotTold.

    Its module alone is loaded: Apprise's own look-up would load 170, some of which act as they are loaded.
    """
    if scheme_of(url) not in PLUGINS:
        raise NotTold("The scheme is not allowed.", error_class="blocked", is_permanent=True)
    name, class_name = PLUGINS[scheme_of(url)]
    module = importlib.import_module(f"apprise.plugins.{name}")
    with _guarding:
        if not isinstance(module.__dict__.get("requests"), GuardedRequests):
            module.__dict__["requests"] = GuardedRequests("requests")
    plugin = getattr(module, class_name)
    try:
        # As people write channels and rooms; without this they would be lost as a fragment.
        parsed = plugin.parse_url(url.replace("/#", "/%23"))
        refuse_parameters(parsed.get("qsd", {}))
        return plugin(**{**parsed, "asset": ASSET})
    except NotTold:
        raise
    except Exception:
        # TypeError by custom, with the URL in it; of None, and of whatever a plugin did not foresee.
        raise NotTold("Apprise cannot read this URL.", error_class="blocked", is_permanent=True) from None


def refuse_parameters(asked: Iterable[str]) -> None:
    """By Apprise's own reading: it knows parameters after `#` and `;`, and trims their names. Raises
    NotTold."""
    if refused := {name.strip().lower() for name in asked} & REFUSED_PARAMETERS:
        words = f"{', '.join(sorted(refused))} cannot be set here."
        raise NotTold(words, error_class="blocked", is_permanent=True)


@contextlib.contextmanager
def attempt_by(way: Way) -> Iterator[None]:
    _here.way, _here.failure = way, None
    try:
        yield
    finally:
        _here.way = None


def notify(url: str, message: Message, way: Way) -> None:
    """Raises NotTold. The reason is that of the last call: Apprise itself says only that it failed."""
    kind = apprise.NotifyType.SUCCESS if message.is_closing else TYPES[message.severity]
    with attempt_by(way):
        plugin = plugin_of(url)
        told = plugin.notify(
            title=message.title,
            body=message.plain(),
            notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
        )
        if told:
            return
        failure: NotTold | None = _here.failure
        raise failure or NotTold("Apprise could not send it.", error_class="protocol", is_permanent=False)
