"""Work that waits for one of a few threads, and whether it still waits when its time is over: what of a time
that ran out is our own fault."""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")
# A time limit that is noticed this much late says that this process stood still, not the other side.
HELD_UP_S = 5.0


def stood_still(*, since: float, limit_s: float) -> bool:
    """Whether what began then, by the monotonic clock, took so much longer than its limit that it is us: a
    machine that slept, a process that was stopped."""
    return time.monotonic() - since > limit_s + HELD_UP_S


@dataclass
class Turns:
    """How many calls never got a thread of ours: then it is us who are slow, and not the other side."""

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
    """What the call gives, made in a thread of the pool. One that nobody waits for is never begun."""
    with awaited(pool.submit(call, *given)) as making:
        return await asyncio.wrap_future(making)


async def asked_together(pool: Executor, key: Hashable, call: Callable[..., Result], *given: Any) -> Result:
    """The same, made once for all that ask by the same key meanwhile."""
    with _joining:
        making: Future[Result] | None = _under_way.get(key)
        if is_new := making is None:
            making = _under_way[key] = pool.submit(call, *given)
    if is_new:
        making.add_done_callback(lambda _: _under_way.pop(key, None))
    with awaited(making):
        # Shielded: who leaves first must not take it from the others.
        return await asyncio.shield(asyncio.wrap_future(making))


_joining = threading.Lock()
_under_way: dict[Hashable, Future[Any]] = {}


@contextmanager
def awaited(making: Future[Result]) -> Iterator[Future[Result]]:
    """Note when its time is over before it was begun."""
    try:
        yield making
    except asyncio.CancelledError:
        # Cancelled while it waited, by the way: what runs cannot be cancelled.
        if (turns := _turns.get()) and not making.running() and (making.cancelled() or not making.done()):
            turns.waiting += 1
        raise
