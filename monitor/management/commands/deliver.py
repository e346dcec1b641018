"""`manage.py deliver`: sends webhooks, notifications and what status pages say. Any number may run."""

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor.channels.sender import Sender
from monitor.health.flushing import begin_flushing, end_flushing
from monitor.status.desk import SubscriberDesk
from monitor.webhooks.deliverer import Deliverer


class Command(BaseCommand):
    help = "Sends webhooks, notifications and what status pages say, until it is stopped."
    # They would bring the whole API and all pages into memory.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        deliverer = Deliverer(slots=settings.WEBHOOK_SLOTS)
        senders = (
            Sender(slots=settings.NOTIFICATION_SLOTS),
            Sender(slots=settings.STATUS_SLOTS, desk=SubscriberDesk()),
        )

        def stop(number: int, frame: FrameType | None) -> None:
            deliverer.stop()
            for each in senders:
                each.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        begin_flushing()
        # Each has a connection of its own: what one waits for, the other need not.
        threads = [threading.Thread(target=each.run, name="notifications") for each in senders]
        for thread in threads:
            thread.start()
        deliverer.run()
        for thread in threads:
            thread.join()
        end_flushing()
