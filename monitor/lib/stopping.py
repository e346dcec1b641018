"""Who has to hear that this process is asked to stop, before the server waits for its connections to close.

An ASGI server tells the application only afterwards (lifespan), and event streams never end by themselves.
"""

from typing import Protocol
from weakref import WeakSet


class Stoppable(Protocol):
    def stop(self) -> None:
        """End soon. Called on the event loop, and must not block it."""


class Stopping:
    """Listeners are kept alive by somebody else."""

    def __init__(self) -> None:
        self._listeners: WeakSet[Stoppable] = WeakSet()

    def add(self, listener: Stoppable) -> None:
        self._listeners.add(listener)

    def begin(self) -> None:
        for listener in list(self._listeners):
            listener.stop()


stopping = Stopping()
