"""What the application says about the request it is answering."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apimonitor_client.call import Call

# Holds the call itself: what a thread or task that copied the context says then reaches the same object.
current: ContextVar["Call | None"] = ContextVar("apimonitor_call", default=None)


def set_consumer(identifier: str) -> None:
    """Name who is calling, for the request being answered. Elsewhere it does nothing."""
    call = current.get()
    if call is not None:
        call.consumer = str(identifier)


def add_tags(*tags: str) -> None:
    """Put tags on the request being answered. Elsewhere it does nothing."""
    call = current.get()
    if call is not None:
        call.tags = (*call.tags, *map(str, tags))
