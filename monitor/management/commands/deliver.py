"""`manage.py deliver`: sends webhooks and notifications until it is stopped. Any number may run."""

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor.channels.sender import Sender
from monitor.health.flushing import begin_flushing, end_flushing
from monitor.webhooks.deliverer import Deliverer


class Command(BaseCommand):
    help = "Sends webhooks and notifications, until it is stopped."
    # They would bring the whole API and all pages into memory.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        deliverer = Deliverer(slots=settings.WEBHOOK_SLOTS)
        sender = Sender(slots=settings.NOTIFICATION_SLOTS)

        def stop(number: int, frame: FrameType | None) -> None:
            deliverer.stop()
            sender.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        begin_flushing()
        # Each has a connection of its own: what one waits for, the other need not.
        notifying = threading.Thread(target=sender.run, name="notifications")
        notifying.start()
        deliverer.run()
        notifying.join()
        end_flushing()
