"""`manage.py deliver`: sends webhooks, notifications and what status pages say. Any number may run."""

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor.channels.desk import ChannelDesk
from monitor.health.flushing import begin_flushing, end_flushing
from monitor.status.desk import SubscriberDesk
from monitor.webhooks.desk import WebhookDesk
from monitor.webhooks.sender import Sender


class Command(BaseCommand):
    help = "Sends webhooks, notifications and what status pages say, until it is stopped."
    # They would bring the whole API and all pages into memory.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        webhooks = Sender(WebhookDesk(), slots=settings.WEBHOOK_SLOTS)
        others = (
            Sender(ChannelDesk(), slots=settings.NOTIFICATION_SLOTS),
            Sender(SubscriberDesk(), slots=settings.STATUS_SLOTS),
        )

        def stop(number: int, frame: FrameType | None) -> None:
            for each in (webhooks, *others):
                each.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        begin_flushing()
        # Each has a connection of its own: what one waits for, the other need not.
        threads = [threading.Thread(target=each.run, name="notifications") for each in others]
        for thread in threads:
            thread.start()
        webhooks.run()
        for thread in threads:
            thread.join()
        end_flushing()
