"""Hands the counts over when an ASGI server stops its process."""

import asyncio
from collections.abc import Callable

from monitor.health.flushing import end_flushing
from monitor.lib.asgi import Application, Message, Receive, Send


class FlushAtStop:
    """The application behind it, whose stop is complete once the last counts are written.

    `ends` are further things to end, each in a thread.
    """

    def __init__(self, behind: Application, *ends: Callable[[], None]) -> None:
        self.behind = behind
        self.ends = (*ends, end_flushing)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.behind(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                for end in self.ends:
                    await asyncio.to_thread(end)
            await send(message)

        await self.behind(scope, receive, sending)
