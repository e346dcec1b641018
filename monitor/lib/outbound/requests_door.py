"""The one door to the outside for a library that speaks `requests`."""

import io
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from monitor.lib.outbound.errors import OutboundError
from monitor.lib.outbound.policy import OutboundPolicy
from monitor.lib.outbound.sending import send
from monitor.lib.outbound.urls import UnusableUrl

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
# What the operator names in the settings may stand in a private network; addresses of cloud metadata stay
# blocked, which the policy sees to before any allowance.
OPERATORS_OWN = OutboundPolicy(allow=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")), allow_loopback=True)


class _Door(BaseAdapter):
    """Sends what requests has prepared by `send`, and gives its answer back as requests has it."""

    def send(  # type: ignore[override] # named arguments of requests that decide nothing here
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        body: Any = request.body or b""
        headers: Mapping[str, Any] = request.headers
        try:
            answer = send(
                request.method or "GET",
                request.url or "",
                headers=[(name, value) for name, value in headers.items()],
                body=body.encode() if isinstance(body, str) else body,
                policy=OPERATORS_OWN,
                timeout_s=TIMEOUT_S,
                max_response_bytes=MAX_ANSWER_BYTES,
            )
        except (OutboundError, UnusableUrl) as error:
            raise requests.ConnectionError(str(error)) from None
        response = requests.Response()
        response.status_code = answer.status_code
        response.url = answer.url
        response.headers = CaseInsensitiveDict(answer.headers)
        response.request = request
        response.encoding = "utf-8"
        response.raw = io.BytesIO(answer.body)
        return response

    def close(self) -> None:
        """Each request has a connection of its own; there is nothing to close."""


def through_the_door() -> requests.Session:
    """A session whose every request goes through `send`: no proxies or .netrc of the environment, no
    redirects, bounds on time and bytes."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Door())
    return session
