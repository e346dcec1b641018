"""Reads a stream of a running server, in a thread, as a client would."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

# For what comes within a second or two on a machine that has nothing else to do.
PATIENCE_S = 60


@dataclass(frozen=True, kw_only=True)
class Event:
    name: str
    data: Any
    place: str | None


class Reader:
    """What came so far. `is_over` once the server has ended the stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.events: list[Event] = []
        self.comments = 0
        self.is_over = False
        self.read = threading.Event()
        self.read.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                self.read.wait()
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    self.events.append(
                        Event(name=fields["event"], data=json.loads(fields["data"]), place=fields.get("id"))
                    )
                    fields = {}
                else:
                    fields = {}
            self.is_over = True
        except httpx.TransportError:
            self.is_over = True

    def named(self, name: str) -> list[Any]:
        return [event.data for event in list(self.events) if event.name == name]

    @property
    def paths(self) -> list[str]:
        return [log["path"] for log in self.named("log")]

    @property
    def place(self) -> str:
        return [event.place for event in self.events if event.place][-1]

    def wait_for(self, condition: Callable[["Reader"], object], *, within_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition(self):
            assert time.monotonic() < deadline, [event.name for event in self.events]
            time.sleep(0.02)


@contextmanager
def tailing(
    address: str,
    key: str | None = None,
    *,
    place: str | None = None,
    cookies: dict[str, str] | None = None,
    **params: str,
) -> Iterator[Reader]:
    """A reader whose stream is ready."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if place is not None:
        headers["Last-Event-ID"] = place
    with (
        httpx.Client(timeout=httpx.Timeout(60), cookies=cookies) as client,
        client.stream("GET", f"{address}/v1/logs/tail", params=params, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        reader = Reader(response)
        reader.wait_for(lambda each: each.named("ready"))
        yield reader
