"""Requests as a shop sees them: the demo's shop and its buyers, without a network between them."""

import json
import math
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from apimonitor.demo.driver import Buyer
from apimonitor.demo.shop import CUSTOMERS, Shop

ORIGIN = "https://sandbox.shop.example"
ENVIRONMENT = "sandbox"


def traffic(
    *, count: int, since: datetime, until: datetime, chance: random.Random
) -> Iterator[dict[str, Any]]:
    """That many logs as a sender writes them, oldest first."""
    desk = Desk(Shop(chance=chance))
    buyers = [Buyer(desk, customer, chance=chance) for customer in CUSTOMERS]
    for moment in moments(count=count, since=since, until=until, chance=chance):
        desk.moment = moment
        chance.choice(buyers).act()
        yield desk.log


def moments(*, count: int, since: datetime, until: datetime, chance: random.Random) -> list[datetime]:
    """Moments of the window in their order, as people call: four times as often at noon as at night."""
    found: list[datetime] = []
    while len(found) < count:
        at = since + (until - since) * chance.random()
        if chance.random() < busyness(at):
            found.append(at)
    return sorted(found)


def busyness(at: datetime) -> float:
    """A share from 0.25, at midnight, to 1, at noon UTC."""
    day = timedelta(days=1)
    share = (timedelta(hours=at.hour, minutes=at.minute) / day) * 2 * math.pi
    return 0.625 - 0.375 * math.cos(share)


class Desk:
    """Takes a buyer's call to the shop, and writes down what the shop's server would report."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.moment: datetime
        self.log: dict[str, Any] = {}

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        answer = self._shop.answer(method, parts.path, query=query, headers=sent, body=body)
        known = {
            "route": answer.route,
            "error": answer.error,
            "tags": list(answer.tags),
            "consumer": sent.get("x-customer"),
            # traceparent: version-trace_id-span_id-flags
            "trace_id": sent.get("traceparent", "--").split("-")[1],
            "request_body": None if body is None else json.dumps(body),
        }
        self.log = {
            "method": method,
            "url": ORIGIN + path,
            "path": parts.path,
            "status_code": answer.status,
            "latency_ms": round(answer.work_ms, 3),
            "query_params": query,
            "request_headers": dict(headers or {}),
            "response_headers": {"Content-Type": "application/json", **answer.headers},
            "response_body": json.dumps(answer.body),
            "timestamp": self.moment.timestamp(),
            "environment": ENVIRONMENT,
            **{name: value for name, value in known.items() if value},
        }
        return answer.status, answer.body
