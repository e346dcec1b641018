"""How a service reports to API Monitor: off the request path, retried, never in the way."""

import queue
import threading
import time
from typing import Any

from apimonitor.demo.client import Client, Unreachable

MAX_WAITING = 5000
RETRY_S = 2.0


class Reporter:
    """Sends reports one by one from threads of its own; when too many wait, new ones are dropped."""

    def __init__(self, base_url: str, raw_key: str, *, senders: int = 2) -> None:
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING)
        self._base_url, self._raw_key = base_url, raw_key
        for _ in range(senders):
            threading.Thread(target=self._send_forever, daemon=True).start()

    def report(self, log: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait(log)
        except queue.Full:
            print("too many reports wait; dropped one", flush=True)

    def _send_forever(self) -> None:
        client = Client(self._base_url, raw_key=self._raw_key)
        while True:
            log = self._waiting.get()
            # The pair of event_id and timestamp makes a repeat harmless: it is kept once.
            while not self._was_taken(client, log):
                time.sleep(RETRY_S)

    def _was_taken(self, client: Client, log: dict[str, Any]) -> bool:
        try:
            status, answer = client.call("POST", "/v1/logs", log)
        except Unreachable:
            return False
        if 400 <= status < 500 and status != 429:
            print(f"refused with {status}: {answer}", flush=True)
            return True
        return status < 400
