"""What the shop does: orders, customers, a slow report and a payment gateway that often fails."""

import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PRODUCTS = {"espresso-machine": 449.0, "grinder": 199.0, "kettle": 89.5, "scale": 39.9, "filter-papers": 6.5}
CUSTOMERS = {
    "acme-corp": {"name": "Acme Corporation", "city": "Rotterdam", "plan": "enterprise"},
    "globex": {"name": "Globex GmbH", "city": "Hamburg", "plan": "team"},
    "initech": {"name": "Initech Ltd", "city": "Leeds", "plan": "team"},
    "umbrella": {"name": "Umbrella AB", "city": "Uppsala", "plan": "free"},
}
PAGE_SIZE = 20
GATEWAY_FAILURE_RATE = 0.3


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request as a route sees it."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: Any
    """The decoded JSON, None when there was none."""
    parts: Mapping[str, str]
    """What the route's template captured from the path."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: Any
    route: str = ""
    """The template, `/orders/{order_id}`; empty when no route matched."""
    work_ms: float = 5.0
    """How long the shop works on it before it answers."""
    error: str | None = None
    tags: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    is_reported: bool = True
    """False for what API Monitor itself tells the shop, which is no customer's traffic."""


def problem(status: int, title: str, **more: Any) -> Answer:
    return Answer(status=status, body={"title": title, "status": status, **more})


class Shop:
    """The shop's memory: its orders, and the routes that change them."""

    def __init__(self, *, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self._orders: dict[str, dict[str, Any]] = {}
        self._routes: list[tuple[str, str, Callable[[Call], Answer]]] = [
            ("GET", "/orders", self.list_orders),
            ("POST", "/orders", self.create_order),
            ("GET", "/orders/{order_id}", self.show_order),
            ("POST", "/orders/{order_id}/payment", self.pay_order),
            ("GET", "/customers/{customer_id}", self.show_customer),
            ("POST", "/login", self.log_in),
            ("GET", "/reports/sales", self.report_sales),
            ("POST", "/hooks/{desk}", self.take_notice),
        ]

    def answer(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Answer:
        allowed = False
        for verb, template, act in self._routes:
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if match and verb == method:
                made = act(Call(query=query, headers=headers, body=body, parts=match.groupdict()))
                return Answer(**{**vars(made), "route": template})
            allowed = allowed or bool(match)
        return problem(405, "Method not allowed") if allowed else problem(404, "No such page")

    def list_orders(self, call: Call) -> Answer:
        page = call.query.get("page", "1")
        if not page.isdigit():
            return problem(422, "Invalid query", errors=[{"field": "page", "message": "must be a number"}])
        status = call.query.get("status")
        with self._lock:
            orders = [o for o in self._orders.values() if status in (None, o["status"])]
        start = (max(int(page), 1) - 1) * PAGE_SIZE
        found = {"orders": orders[::-1][start : start + PAGE_SIZE], "total": len(orders)}
        return Answer(status=200, body=found, work_ms=self._around(12 + len(orders) / 50))

    def create_order(self, call: Call) -> Answer:
        if self._token_is_missing(call):
            return problem(401, "Log in first")
        wanted = call.body if isinstance(call.body, dict) else {}
        quantity = wanted.get("quantity")
        errors = []
        if wanted.get("product") not in PRODUCTS:
            errors.append({"field": "product", "message": f"must be one of {', '.join(PRODUCTS)}"})
        if not isinstance(quantity, int) or not 1 <= quantity <= 100:
            errors.append({"field": "quantity", "message": "must be between 1 and 100"})
        if errors or not isinstance(quantity, int):
            return Answer(status=422, body={"title": "Invalid order", "errors": errors}, tags=("checkout",))
        order = {
            "id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            "customer": call.headers.get("x-customer", "guest"),
            "product": wanted["product"],
            "quantity": quantity,
            "total": round(PRODUCTS[wanted["product"]] * quantity, 2),
            "status": "open",
        }
        with self._lock:
            self._orders[order["id"]] = order
            if len(self._orders) > 1000:
                del self._orders[next(iter(self._orders))]
        location = {"Location": f"/orders/{order['id']}"}
        return Answer(status=201, body=order, work_ms=self._around(35), tags=("checkout",), headers=location)

    def show_order(self, call: Call) -> Answer:
        order = self._order(call)
        if order is None:
            return problem(404, "No such order", order_id=call.parts["order_id"])
        return Answer(status=200, body=order, work_ms=self._around(8))

    def pay_order(self, call: Call) -> Answer:
        order = self._order(call)
        if order is None:
            return problem(404, "No such order", order_id=call.parts["order_id"])
        if self._chance.random() < GATEWAY_FAILURE_RATE:
            reason = "PaymentGatewayTimeout: no answer from the card network within 800 ms"
            body = {"title": "The payment gateway did not answer", "retry": True}
            return Answer(status=502, body=body, work_ms=800, error=reason, tags=("checkout", "payment"))
        order["status"] = "paid"
        return Answer(status=200, body=order, work_ms=self._around(120), tags=("checkout", "payment"))

    def show_customer(self, call: Call) -> Answer:
        customer = CUSTOMERS.get(call.parts["customer_id"])
        if customer is None:
            return problem(404, "No such customer")
        return Answer(status=200, body={"id": call.parts["customer_id"], **customer}, work_ms=self._around(6))

    def log_in(self, call: Call) -> Answer:
        given = call.body if isinstance(call.body, dict) else {}
        if given.get("password") != "correct horse":
            return Answer(status=401, body={"title": "Wrong name or password"}, work_ms=self._around(90))
        session = f"{self._chance.getrandbits(96):024x}"
        cookie = {"Set-Cookie": f"session={session}; HttpOnly; Path=/"}
        body = {"user": given.get("user"), "access_token": session, "expires_in": 3600}
        return Answer(status=200, body=body, work_ms=self._around(90), headers=cookie)

    def report_sales(self, call: Call) -> Answer:
        with self._lock:
            paid = [o for o in self._orders.values() if o["status"] == "paid"]
        sums = {name: round(sum(o["total"] for o in paid if o["product"] == name), 2) for name in PRODUCTS}
        return Answer(status=200, body={"paid_orders": len(paid), "sales": sums}, work_ms=self._around(900))

    def take_notice(self, call: Call) -> Answer:
        """What API Monitor tells by webhook: the shop nods."""
        return Answer(status=200, body={"desk": call.parts["desk"], "taken": True}, is_reported=False)

    def _order(self, call: Call) -> dict[str, Any] | None:
        with self._lock:
            return self._orders.get(call.parts["order_id"])

    def _token_is_missing(self, call: Call) -> bool:
        return not call.headers.get("authorization", "").startswith("Bearer ")

    def _around(self, typical_ms: float) -> float:
        """A duration as services have them: mostly near the typical one, now and then several times it."""
        return typical_ms * self._chance.lognormvariate(0, 0.45)


def decode(raw: bytes) -> Any:
    """The JSON in a body, None when there is none."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
