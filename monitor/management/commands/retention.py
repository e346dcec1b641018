"""`manage.py retention`: what letting go would do now, and with --apply, does it."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.lib.locks import AlreadyRunning
from monitor.models import Service, StorageEvent
from monitor.retention import enforce, guard_disk, plan_retention
from monitor.retention.enforcement import steps_in_words
from monitor.retention.storage import look_at_storage
from monitor.templatetags.manage import size


class Command(BaseCommand):
    help = (
        "Shows what each service takes, and which days of logs are past their retention. With --apply lets"
        " them go and guards the disk, as the worker does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="drop, rewrite and trim what is shown")

    def handle(self, *, apply: bool, **options: Any) -> None:
        now = timezone.now()
        self._show_services(now)
        plan = plan_retention(now=now)
        for line in steps_in_words(plan.steps):
            self.stdout.write(line)
        if not plan.steps:
            self.stdout.write(f"Nothing is past its retention. The oldest day to keep is {plan.oldest_kept}.")
        elif not apply:
            self.stdout.write("Nothing was changed. Run it again with --apply to do this.")
        if apply:
            self._apply()

    def _show_services(self, now: datetime) -> None:
        ids = Service.objects.alive().values_list("id", flat=True)
        for each in look_at_storage(list(ids), now=now).services:
            next_drop = f"next drop {each.next_drop}" if each.next_drop else "nothing to drop"
            self.stdout.write(f"{each.service.name}: about {size(each.size_bytes)}, {next_drop}.")

    def _apply(self) -> None:
        now = timezone.now()
        try:
            enforce(now=now)
            # As the worker does each minute.
            guard_disk(now=now)
        except AlreadyRunning:
            raise CommandError("The worker is letting days go at this moment. Try again later.") from None
        for event in StorageEvent.objects.told().filter(happened_at=now).order_by("id"):
            self.stdout.write(event.message)
        if StorageEvent.objects.told().filter(happened_at=now, kind="failed").exists():
            raise CommandError("Some days could not be let go; the reasons stand above.")
