"""`manage.py retention`: what letting go would do now, and with --apply, does it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.lib.locks import AlreadyRunning
from monitor.models import StorageEvent
from monitor.retention import enforce, plan_retention
from monitor.retention.enforcement import steps_in_words


class Command(BaseCommand):
    help = "Shows which days of logs are past their retention. With --apply lets them go, as the worker does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="drop, rewrite and trim what is shown")

    def handle(self, *, apply: bool, **options: Any) -> None:
        now = timezone.now()
        plan = plan_retention(now=now)
        for line in steps_in_words(plan.steps):
            self.stdout.write(line)
        if not plan.steps:
            self.stdout.write(f"Nothing is past its retention. The oldest day to keep is {plan.oldest_kept}.")
        elif not apply:
            self.stdout.write("Nothing was changed. Run it again with --apply to do this.")
        if apply:
            self._apply()

    def _apply(self) -> None:
        now = timezone.now()
        try:
            enforce(now=now)
        except AlreadyRunning:
            raise CommandError("The worker is letting days go at this moment. Try again later.") from None
        for event in StorageEvent.objects.told().filter(happened_at=now).order_by("id"):
            self.stdout.write(event.message)
        if StorageEvent.objects.told().filter(happened_at=now, kind="failed").exists():
            raise CommandError("Some days could not be let go; the reasons stand above.")
