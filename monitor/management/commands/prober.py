"""`manage.py prober`: checks monitors until it is told to stop. Any number may run, on any machines."""

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor.monitors.prober import Prober


class Command(BaseCommand):
    help = "Checks monitors that are due. Several share the work; a region's monitors need one with its name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--region",
            default="",
            help="the name that monitors may ask for; without one: those that ask for none",
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=settings.PROBER_CONCURRENCY,
            metavar="CHECKS",
            help="checks under way at a time (default: %(default)s)",
        )

    def handle(self, *, region: str, concurrency: int, **options: Any) -> None:
        asyncio.run(probe(region=region, concurrency=max(concurrency, 1)))


async def probe(*, region: str, concurrency: int) -> None:
    prober = Prober(region=region, concurrency=concurrency)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, prober.stop)
    await prober.run()
