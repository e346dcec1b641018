"""Senders under which processes are killed, and a look at what was kept of what they sent."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

SENDERS = 6


class Load:
    """Senders that report logs, one by one and in batches, and note what was acknowledged."""

    def __init__(self, address: str, raw_key: str) -> None:
        self.address = address
        self.headers = {"Authorization": f"Bearer {raw_key}"}
        self.acknowledged: list[str] = []
        """The path of each log that was answered with 201; paths are unique."""
        self.refused: Counter[int] = Counter()
        self.stopping = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, senders: int = SENDERS) -> Iterator[None]:
        """Send while the block runs: every third sender in batches, the others one by one."""
        with ThreadPoolExecutor(senders) as pool:
            sending = [
                pool.submit(self.send_one_by_one if number % 3 else self.send_in_batches, f"sender-{number}")
                for number in range(senders)
            ]
            try:
                yield
            finally:
                self.stopping.set()
            for each in sending:
                each.result()

    def send_one_by_one(self, name: str) -> None:
        with httpx.Client(headers=self.headers, timeout=20) as client:
            number = 0
            while not self.stopping.is_set():
                number += 1
                self._send(client, "/v1/logs", [f"/{name}/single/{number}"])

    def send_in_batches(self, name: str) -> None:
        with httpx.Client(headers=self.headers, timeout=20) as client:
            number = 0
            while not self.stopping.is_set():
                number += 1
                self._send(client, "/v1/logs/batch", [f"/{name}/batch/{number}/{each}" for each in range(20)])

    def _send(self, client: httpx.Client, door: str, paths: list[str]) -> None:
        """Send until acknowledged, as a careful client does: the event's id makes a repeat harmless."""
        sent_at = datetime.now(UTC).isoformat()
        logs = [
            {
                "method": "GET",
                "url": path,
                "path": path,
                "route": "/load",
                "event_id": path,
                "timestamp": sent_at,
            }
            for path in paths
        ]
        body: Any = logs[0] if door == "/v1/logs" else logs
        while not self.stopping.is_set():
            try:
                answer = client.post(self.address + door, json=body)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            with self._lock:
                if answer.status_code == 201:
                    self.acknowledged += paths
                    return
                self.refused[answer.status_code] += 1
            time.sleep(0.05)


def kept_paths(address: str) -> list[str]:
    """The path of every kept log, read page by page."""
    paths: list[str] = []
    url: str | None = f"{address}/v1/logs?limit=500"
    while url is not None:
        answer = httpx.get(url, timeout=20).raise_for_status()
        paths += [log["path"] for log in answer.json()]
        url = answer.links.get("next", {}).get("url")
    return paths


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a load: how many logs, and the paths of those that it should not have come to."""

    acknowledged: int
    kept: int
    counted: int
    lost: list[str]
    doubled: list[str]


def begin_load(address: str) -> Load:
    """Senders of a new service of an installation that is open to this machine."""
    service = httpx.post(f"{address}/v1/services", json={"name": "load"}, timeout=20).json()
    key = httpx.post(f"{address}/v1/services/{service['id']}/keys", json={"name": "load"}, timeout=20).json()
    return Load(address, key["raw_key"])


def what_became_of(load: Load) -> Fate:
    """Read all logs back, and what the metrics make of them."""
    kept = Counter(kept_paths(load.address))
    metrics = httpx.get(f"{load.address}/v1/metrics", headers=load.headers, timeout=60).json()
    return Fate(
        acknowledged=len(load.acknowledged),
        kept=kept.total(),
        counted=metrics["total_requests"],
        lost=[path for path in load.acknowledged if not kept[path]],
        doubled=[path for path, times in kept.items() if times > 1],
    )
