"""Work that waits for one of a few threads, and whether it still waits when its time is over."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass
class Turns:
    """How many calls wait for a thread of ours: then it is us who are slow, and not the other side."""

    waiting: int = 0


_turns: ContextVar[Turns | None] = ContextVar("turns", default=None)


@contextmanager
def watched_turns() -> Iterator[Turns]:
    """What is awaited within, also when it is cancelled while it waits."""
    turns = Turns()
    token = _turns.set(turns)
    try:
        yield turns
    finally:
        _turns.reset(token)


async def take_turn(pool: Executor, call: Callable[..., Result], *given: Any) -> Result:
    """What the call gives, made in a thread of the pool."""
    loop, turns, began = asyncio.get_running_loop(), _turns.get() or Turns(), False

    def begin() -> None:
        nonlocal began
        if not began:
            began = True
            turns.waiting -= 1

    def run() -> Result:
        # By the loop: a counter of its own thread needs no lock.
        loop.call_soon_threadsafe(begin)
        return call(*given)

    turns.waiting += 1
    return await loop.run_in_executor(pool, run)
