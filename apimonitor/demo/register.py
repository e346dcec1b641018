"""The shop introduces itself to API Monitor through the API: a service, a key, rules, and who is told."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apimonitor.demo.client import Client

NAME = "demo-shop"
HOOK, EVENTS_PATH = "The shop itself", "/hooks/events"
DESK, DESK_PATH = "The shop's desk", "/hooks/desk"
RULES: list[dict[str, Any]] = [
    {
        "name": "Payments fail",
        "description": "The shop answered with a server error.",
        "condition_field": "status_code",
        "condition_operator": ">=",
        "condition_value": "500",
    },
    {
        "name": "Slow answers",
        "description": "A customer waited longer than a second and a half.",
        "condition_field": "latency_ms",
        "condition_operator": ">",
        "condition_value": "1500",
    },
    {
        "name": "Endpoints are slow",
        "description": "19 of 20 requests should take less than a second and a half.",
        "kind": "metric",
        "measure": "p95_latency",
        "direction": "above",
        "threshold": 1500,
        "window_s": 300,
        "per": "endpoint",
        "severity": "warning",
    },
    {
        "name": "95 % of requests go well",
        "description": "What the shop promises its customers, over a week.",
        "kind": "slo",
        "measure": "error_rate",
        "target": 95,
        "period_days": 7,
    },
]
VERSION = "v1.5.0"


class RegistrationRefused(Exception):
    """API Monitor did not take the demo's service; the message holds its answer."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the demo remembers between its starts, in a file that its owner alone can read."""

    service_id: str
    raw_key: str
    ports: dict[str, int]


def recall(path: Path) -> Registration | None:
    try:
        return Registration(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def remember(path: Path, registration: Registration) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(vars(registration), file)


def register(client: Client, *, known: Registration | None, ports: dict[str, int]) -> Registration:
    """The shop's service with a key that works. Raises RegistrationRefused, and client.Unreachable."""
    base_url = f"http://127.0.0.1:{ports['production']}"
    origins = [f"http://127.0.0.1:{port}" for port in ports.values()]
    address = {"base_url": base_url, "replay_origins": origins}
    path = f"/v1/services/{known.service_id}" if known else ""
    if known and client.call("GET", path, headers={"Authorization": f"Bearer {known.raw_key}"})[0] == 200:
        _expect(client.call("PATCH", path, address))
        _follow(client, shop_url=base_url)
        return Registration(service_id=known.service_id, raw_key=known.raw_key, ports=ports)
    service_id = _find_or_make_service(client, address)
    key = _expect(client.call("POST", f"/v1/services/{service_id}/keys", {"name": "The shop itself"}))
    return Registration(service_id=service_id, raw_key=key["raw_key"], ports=ports)


def _find_or_make_service(client: Client, address: dict[str, Any]) -> str:
    wanted = {"name": NAME, "description": "A small shop that shows what API Monitor sees.", **address}
    status, service = client.call("POST", "/v1/services", wanted)
    if status != 409:
        service = _expect((status, service))
        _furnish(client, service["id"], shop_url=address["base_url"])
        return str(service["id"])
    services = _expect(client.call("GET", "/v1/services?limit=500"))
    service_id = next(str(service["id"]) for service in services if service["name"] == NAME)
    _expect(client.call("PATCH", f"/v1/services/{service_id}", address))
    _follow(client, shop_url=address["base_url"])
    return service_id


def _follow(client: Client, *, shop_url: str) -> None:
    """Have what is told go where the shop is now: another start may have given it another port. What people
    have go elsewhere stays; what is refused stays as it is, and the shop opens all the same."""
    for hook in _expect(client.call("GET", "/v1/webhook-endpoints?limit=500")):
        if hook["description"] == HOOK and _is_left_behind(hook["url"], EVENTS_PATH, shop_url):
            change = {"url": f"{shop_url}{EVENTS_PATH}"}
            client.call("PATCH", f"/v1/webhook-endpoints/{hook['id']}", change)
    for desk in _expect(client.call("GET", "/v1/notification-channels?limit=500")):
        url = desk["config"].get("url", "")
        if desk["name"] == DESK and _is_left_behind(url, DESK_PATH, shop_url):
            # A kept secret follows to no other address; the shop's desk asks for none, so any will do.
            secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
            config = {**desk["config"], "url": f"{shop_url}{DESK_PATH}", "secret": secret}
            client.call("PATCH", f"/v1/notification-channels/{desk['id']}", {"config": config})


def _is_left_behind(url: str, path: str, shop_url: str) -> bool:
    """Whether it is the shop's address on this machine, with a port that it has no more."""
    there = urlsplit(url)
    is_ours = there.hostname == urlsplit(shop_url).hostname and there.path == path
    return is_ours and url != f"{shop_url}{path}"


def _furnish(client: Client, service_id: str, *, shop_url: str) -> None:
    """Alert rules, a channel and a webhook that the shop itself takes, and a deployment in the charts."""
    deployment = {"service": service_id, "version": VERSION, "environment": "production"}
    hook = {
        "url": f"{shop_url}{EVENTS_PATH}",
        "description": HOOK,
        "enabled_events": ["alert.*", "monitor.*"],
    }
    desk = {"kind": "webhook", "name": DESK, "config": {"url": f"{shop_url}{DESK_PATH}"}}
    wanted: list[tuple[str, dict[str, Any]]] = [
        *(("/v1/alerts", {"service_id": service_id, **rule}) for rule in RULES),
        ("/v1/notification-channels", desk),
        ("/v1/webhook-endpoints", hook),
        ("/v1/deployments", deployment),
    ]
    for path, fields in wanted:
        _expect(client.call("POST", path, fields))


def _expect(answered: tuple[int, Any]) -> Any:
    status, answer = answered
    if status >= 400:
        raise RegistrationRefused(f"{status}: {answer}")
    return answer
