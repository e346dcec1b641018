"""The shop's customers: they browse, order, pay, mistype and forget passwords, in real calls."""

import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from apimonitor.demo.client import Client, Unreachable
from apimonitor.demo.shop import CUSTOMERS, PRODUCTS

# A burst at the start fills the pages within seconds; then it goes on quietly.
BURST_S = 20.0
BURST_PAUSE_S = 0.15
QUIET_PAUSE_S = 1.2
BUYERS = 4


class Caller(Protocol):
    """How a buyer reaches the shop: over the network, or in the sandbox without one."""

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]: ...


class Buyer:
    """One customer's program at one shop."""

    def __init__(self, client: Caller, customer: str, *, chance: random.Random) -> None:
        self._client = client
        self._chance = chance
        self._headers = {
            "X-Customer": customer,
            "User-Agent": f"{customer}-app/{chance.randint(1, 4)}.{chance.randint(0, 9)}",
            "Authorization": f"Bearer {chance.getrandbits(128):032x}",
        }
        self._customer = customer
        self._order_ids: list[str] = []
        self._habits = {
            self.browse: 30,
            self.look_up_order: 24,
            self.order: 18,
            self.pay: 10,
            self.look_up_customer: 8,
            self.log_in: 6,
            self.mistype: 5,
            self.ask_for_report: 3,
        }

    def act(self) -> None:
        habit = self._chance.choices(list(self._habits), weights=list(self._habits.values()))[0]
        habit()

    def browse(self) -> None:
        status = self._chance.choice(["", "&status=open", "&status=paid"])
        self._call("GET", f"/orders?page={self._chance.randint(1, 3)}{status}")

    def look_up_order(self) -> None:
        self._call("GET", f"/orders/{self._some_order()}")

    def order(self) -> None:
        wanted = {"product": self._chance.choice(list(PRODUCTS)), "quantity": self._chance.randint(1, 6)}
        created = self._call("POST", "/orders", wanted)
        if isinstance(created, dict) and "id" in created:
            self._order_ids = [*self._order_ids[-20:], created["id"]]

    def pay(self) -> None:
        card = {"card_number": "4111 1111 1111 1111", "cvc": "737", "currency": "EUR"}
        self._call("POST", f"/orders/{self._some_order()}/payment", card)

    def look_up_customer(self) -> None:
        known = self._chance.random() < 0.9
        self._call("GET", f"/customers/{self._customer if known else 'nobody'}?api_key=sk_demo_51c9")

    def log_in(self) -> None:
        password = "correct horse" if self._chance.random() < 0.7 else "battery staple"
        self._call("POST", "/login", {"user": f"buyer@{self._customer}.example", "password": password})

    def mistype(self) -> None:
        self._call("POST", "/orders", {"product": self._chance.choice(["kettel", "kettle"]), "quantity": 0})

    def ask_for_report(self) -> None:
        self._call("GET", "/reports/sales?period=today")

    def _some_order(self) -> str:
        """Usually one of theirs, now and then one that never was."""
        if self._order_ids and self._chance.random() < 0.92:
            return self._chance.choice(self._order_ids)
        return str(self._chance.randint(100_000, 999_999))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        trace = f"00-{self._chance.getrandbits(128):032x}-{self._chance.getrandbits(64):016x}-01"
        try:
            _, answer = self._client.call(method, path, body, headers={**self._headers, "traceparent": trace})
        except Unreachable:
            return None
        return answer


def call_forever(shop_urls: dict[str, str], *, chance: random.Random) -> None:
    """Have each buyer call, most of them in production, until the process ends."""
    customers = list(CUSTOMERS)
    for number in range(BUYERS):
        environment = "staging" if number == BUYERS - 1 else "production"
        own = random.Random(chance.random())  # noqa: S311
        buyer = Buyer(Client(shop_urls[environment]), customers[number % len(customers)], chance=own)
        threading.Thread(target=_live, args=(buyer, own), daemon=True).start()
    threading.Event().wait()


def _live(buyer: Buyer, chance: random.Random) -> None:
    burst_ends = time.monotonic() + BURST_S
    while True:
        buyer.act()
        pause_s = BURST_PAUSE_S if time.monotonic() < burst_ends else QUIET_PAUSE_S
        time.sleep(chance.expovariate(1 / pause_s))
