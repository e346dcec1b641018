"""`manage.py deliver`: sends webhooks until it is stopped. Any number may run, on any number of machines."""

import signal
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor.health.flushing import begin_flushing, end_flushing
from monitor.webhooks.deliverer import Deliverer


class Command(BaseCommand):
    help = "Sends webhooks, until it is stopped."
    # They would bring the whole API and all pages into memory.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        deliverer = Deliverer(slots=settings.WEBHOOK_SLOTS)

        def stop(number: int, frame: FrameType | None) -> None:
            deliverer.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        begin_flushing()
        deliverer.run()
        end_flushing()
