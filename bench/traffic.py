"""Made-up but realistic calls: 40 endpoints with skew, 500 consumers, 2 % errors, log-normal latencies, and
JSON bodies of a log-normal size with a median of 0.6 KiB. The same seed gives the same calls."""

import random
from dataclasses import dataclass
from typing import Any

SEED = 20_26
MEDIAN_BODY_BYTES = 614
BODY_SIGMA = 0.8
MAX_BODY_BYTES = 60_000
COMMON_TAG, RARE_TAG = "v2", "canary-7"
RARE_PATH, COMMON_PATH = "needle", "orders"
RARE_CONSUMER = "customer-0500"
SERVICES = ("shop", "search", "billing")
SERVICE_WEIGHTS = (70, 29, 1)

_NOUNS = ("orders", "customers", "carts", "items", "invoices", "payments", "shipments", "reviews", "coupons")
_WORDS = (
    *("amount", "currency", "status", "pending", "shipped", "delivered", "street", "city", "country", "name"),
    *("note", "quantity", "price", "discount", "total", "created", "updated", "color", "size", "weight"),
    *("vendor", "region", "warehouse"),
)
_AGENTS = ("okhttp/4.12.0", "python-httpx/0.28", "Mozilla/5.0 (X11; Linux x86_64)", "axios/1.7.9")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request as it happened, before a sender reports it."""

    service: int
    method: str
    route: str
    path: str
    status_code: int
    latency_ms: float
    consumer: str
    environment: str
    tags: list[str]
    error: str | None
    trace_id: str
    source_ip: str
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    request_body: str | None
    response_body: str

    def as_item(self) -> dict[str, Any]:
        """The log as a sender writes it."""
        item = {
            "method": self.method,
            "url": f"https://api.shop.example{self.path}?page=2&sort=newest",
            "path": self.path,
            "route": self.route,
            "status_code": self.status_code,
            "latency_ms": self.latency_ms,
            "query_params": {"page": "2", "sort": "newest"},
            "request_headers": self.request_headers,
            "request_body": self.request_body,
            "response_headers": self.response_headers,
            "response_body": self.response_body,
            "error": self.error,
            "source_ip": self.source_ip,
            "tags": self.tags,
            "consumer": self.consumer,
            "environment": self.environment,
            "trace_id": self.trace_id,
        }
        return {name: value for name, value in item.items() if value is not None}


class Traffic:
    """An endless source of calls."""

    def __init__(self, seed: int = SEED, *, median_body_bytes: int = MEDIAN_BODY_BYTES) -> None:
        self.random = random.Random(seed)
        self._median_body_bytes = median_body_bytes
        self._endpoints = _endpoints()
        self._weights = [1 / (rank + 1) for rank in range(len(self._endpoints))]
        self._consumers = [f"customer-{number:04d}" for number in range(1, 501)]
        self._consumer_weights = [1 / (rank + 1) for rank in range(500)]

    def calls(self, count: int) -> list[Call]:
        return [self._call(number) for number in range(count)]

    def _call(self, number: int) -> Call:
        chance = self.random
        service = chance.choices(range(3), SERVICE_WEIGHTS)[0]
        method, route = chance.choices(self._endpoints, self._weights)[0]
        failed = chance.random() < 0.02
        return Call(
            service=service,
            method=method,
            route=route,
            path=route.replace("{id}", str(chance.randrange(10**5, 10**6))),
            status_code=chance.choice((500, 502, 503, 504)) if failed else _status(method, chance),
            latency_ms=round(chance.lognormvariate(3.6, 0.9), 3),
            consumer=chance.choices(self._consumers, self._consumer_weights)[0],
            environment="staging" if chance.random() < 0.1 else "prod",
            tags=[COMMON_TAG] if chance.random() < 0.2 else [],
            error="upstream timed out after 30 s" if failed and chance.random() < 0.5 else None,
            # Every second call is part of a trace.
            trace_id=f"{chance.getrandbits(128):032x}" if number % 2 else "",
            source_ip=f"10.20.{chance.randrange(2)}.{chance.randrange(250)}",
            request_headers={
                "accept": "application/json",
                "user-agent": chance.choice(_AGENTS),
                "authorization": f"Bearer {chance.getrandbits(160):040x}",
                "content-type": "application/json",
            },
            response_headers={"content-type": "application/json", "x-request-id": f"{number:x}"},
            request_body=self._body() if method in ("POST", "PUT") else None,
            response_body=self._body(),
        )

    def _body(self) -> str:
        chance = self.random
        size = min(chance.lognormvariate(0, BODY_SIGMA) * self._median_body_bytes, MAX_BODY_BYTES)
        pieces: list[str] = []
        length = 2
        while length < size:
            word = chance.choice(_WORDS)
            kind = chance.random()
            if kind < 0.4:
                value = f'"{chance.choice(_WORDS)} {chance.choice(_WORDS)}"'
            elif kind < 0.6:
                value = f'"{chance.getrandbits(48):012x}"'
            else:
                value = str(chance.randrange(100_000))
            pieces.append(f'"{word}":{value}')
            length += len(pieces[-1]) + 1
        return "{" + ",".join(pieces) + "}"


def _endpoints() -> list[tuple[str, str]]:
    """40 of them; the first is the busiest."""
    made = [("GET", f"/v1/{noun}") for noun in _NOUNS] + [("GET", f"/v1/{noun}/{{id}}") for noun in _NOUNS]
    made += [("POST", f"/v1/{noun}") for noun in _NOUNS] + [("PUT", f"/v1/{noun}/{{id}}") for noun in _NOUNS]
    return [*made, *(("DELETE", f"/v1/{noun}/{{id}}") for noun in _NOUNS[:4])]


def _status(method: str, chance: random.Random) -> int:
    if chance.random() < 0.06:
        return chance.choice((400, 401, 404, 404, 404, 422, 429))
    return {"POST": 201, "DELETE": 204}.get(method, 200)
