"""What was acknowledged survives: load runs while web and PostgreSQL are killed with -9."""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.installation import Started

SENDERS = 6
KILLS = 3
RUN_S = 4


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


def processes_of(supervisor: int) -> dict[int, str]:
    """Process ids below this one, with their command lines."""
    found: dict[int, str] = {}
    parents = {supervisor}
    while True:
        children = {
            int(entry.name): (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and parent_of(entry) in parents and int(entry.name) not in found
        }
        if not children:
            return found
        found |= children
        parents = set(children)


def parent_of(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def kill_all(supervisor: int, word: str) -> int:
    """Kill -9 every process of the installation whose command holds the word. Gives how many."""
    victims = [pid for pid, command in processes_of(supervisor).items() if word in command]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    return len(victims)


def kept_paths(address: str) -> list[str]:
    """The path of every kept log, read page by page."""
    paths: list[str] = []
    url: str | None = f"{address}/v1/logs?limit=500"
    while url is not None:
        answer = httpx.get(url, timeout=20).raise_for_status()
        paths += [log["path"] for log in answer.json()]
        url = answer.links.get("next", {}).get("url")
    return paths


def test_every_acknowledged_log_is_there_once_after_kills_of_web_and_database(data_dir: Path, free_port: int):
    installation = Started(data_dir, free_port)
    service = httpx.post(f"{installation.address}/v1/services", json={"name": "load"}).json()
    keys = f"{installation.address}/v1/services/{service['id']}/keys"
    load = Load(installation.address, httpx.post(keys, json={"name": "load"}).json()["raw_key"])

    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [
            pool.submit(load.send_in_batches if number % 3 == 0 else load.send_one_by_one, f"sender-{number}")
            for number in range(SENDERS)
        ]
        try:
            for _ in range(KILLS):
                time.sleep(RUN_S)
                assert kill_all(installation.process.pid, "gunicorn")
                time.sleep(RUN_S)
                assert kill_all(installation.process.pid, "postgres")
            time.sleep(RUN_S)
        finally:
            load.stopping.set()
        for sender in senders:
            sender.result()
    last = len(load.acknowledged)
    kept = Counter(kept_paths(installation.address))
    metrics = httpx.get(f"{installation.address}/v1/metrics?service_id={service['id']}", timeout=20).json()
    code = installation.stop()

    assert last > 100
    assert [path for path in load.acknowledged if kept[path] != 1] == []
    assert [path for path, times in kept.items() if times > 1] == []
    assert metrics["total_requests"] == kept.total()
    # While the database is away senders are told to come back; nothing else goes wrong.
    assert set(load.refused) <= {503}
    assert code == 0
