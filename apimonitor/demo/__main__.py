"""`python -m apimonitor.demo`: two shops, production and staging, and their customers.

PORT says where on this machine API Monitor is, DATA_DIR where the shop remembers its key and ports.
"""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

from apimonitor.demo.client import Client
from apimonitor.demo.driver import call_forever
from apimonitor.demo.register import recall, register, remember
from apimonitor.demo.reporter import Reporter
from apimonitor.demo.server import Report, ShopServer
from apimonitor.demo.shop import Shop

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("production", "staging")


def open_shop(port: int, *, environment: str, report: Report, chance: random.Random) -> ShopServer:
    """A shop on this port, or on any free one when it is taken."""
    shop = Shop(chance=chance)
    try:
        return ShopServer(port, shop=shop, environment=environment, report=report)
    except OSError:
        return ShopServer(0, shop=shop, environment=environment, report=report)


def furnish_room(service_id: str, shop_url: str) -> None:
    """Monitors, planned work and a status page. They have a past, which no API can make: a command does, in
    a process of its own. Without them the shop is open all the same."""
    command = [sys.executable, "manage.py", "demo_room", "--service", service_id, "--shop", shop_url]
    subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - nothing in it comes from outside


def main() -> None:
    port = int(os.environ["PORT"])
    monitor_url = f"http://127.0.0.1:{port}"
    state = Path(os.environ["DATA_DIR"]) / "demo.json"
    chance = random.Random()  # noqa: S311
    known = recall(state)
    # The same ports again, so that yesterday's calls can be replayed today.
    wanted = known.ports if known else {name: port + 1 + n for n, name in enumerate(ENVIRONMENTS)}
    reporters: list[Reporter] = []
    shops = {
        name: open_shop(
            wanted[name],
            environment=name,
            report=lambda log: reporters[0].report(log),
            chance=random.Random(chance.random()),  # noqa: S311
        )
        for name in ENVIRONMENTS
    }
    registration = register(
        Client(monitor_url), known=known, ports={name: shop.server_port for name, shop in shops.items()}
    )
    remember(state, registration)
    reporters.append(Reporter(monitor_url, registration.raw_key))
    for shop in shops.values():
        threading.Thread(target=shop.serve_forever, daemon=True).start()
    furnish_room(registration.service_id, shops["production"].url)
    call_forever({name: shop.url for name, shop in shops.items()}, chance=chance)


if __name__ == "__main__":
    main()
