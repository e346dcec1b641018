"""What PostgreSQL tells this process by NOTIFY: one LISTEN connection, shared by all who want to hear.

Notices are hints. They may be lost while the connection is being made again, so whoever listens can also
catch up without them.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

logger = logging.getLogger(__name__)
APPLICATION_NAME = "apimonitor notices"
RETRY_S = 1.0
# How soon a channel that someone new wants to hear is listened to.
LOOK_S = 1.0
# A peer that vanished without a word (a pulled cable) is noticed after about 20 s.
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class Listener:
    """Someone who wants to hear a channel. Both functions run on the event loop and must not block it:
    a slow reader keeps a bounded queue of its own."""

    channel: str
    hear: Callable[[str], None]
    """Takes the payload of a notice."""
    catch_up: Callable[[], None]
    """Called when listening begins, and begins again: notices may have been missed before."""


class Notices:
    """Tells listeners of this process what is notified. A connection that breaks is made again."""

    def __init__(self, parameters: Callable[[], Mapping[str, Any]] | None = None) -> None:
        self._parameters = parameters or connection_parameters
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    async def run(self) -> None:
        """Listen until cancelled."""
        told = False
        while True:
            try:
                parameters = {**KEEPALIVES, **self._parameters(), "application_name": APPLICATION_NAME}
                async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as listening:
                    told = False
                    await self._listen(listening)
            except (psycopg.Error, OSError) as error:
                if not told:
                    logger.warning("Not listening for notices: %s", type(error).__name__)
                told = True
            await asyncio.sleep(RETRY_S)

    async def _listen(self, listening: psycopg.AsyncConnection[Any]) -> None:
        served: set[Listener] = set()
        channels: set[str] = set()
        while True:
            listeners = set(self._listeners)
            wanted = {listener.channel for listener in listeners}
            for verb, names in (("LISTEN", wanted - channels), ("UNLISTEN", channels - wanted)):
                for name in names:
                    await listening.execute(sql.SQL(verb + " {}").format(sql.Identifier(name)))
            for listener in listeners - served:
                attempt(listener.catch_up)
            served, channels = listeners, wanted
            async for notice in listening.notifies(timeout=LOOK_S):
                self._tell(notice)

    def _tell(self, notice: psycopg.Notify) -> None:
        for listener in list(self._listeners):
            if listener.channel == notice.channel:
                attempt(listener.hear, notice.payload)


def attempt(function: Callable[..., None], *arguments: object) -> None:
    """Call it; one listener's slip must not keep the others from hearing."""
    try:
        function(*arguments)
    except Exception:
        logger.exception("A listener failed")


def connection_parameters() -> dict[str, Any]:
    """How Django connects, without what only its own cursors need."""
    parameters = connection.get_connection_params()
    return {
        name: value
        for name, value in parameters.items()
        if name not in {"context", "cursor_factory", "prepare_threshold"}
    }
