"""`manage.py drop_test_data`: all that is of test mode goes, at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.models import Organization
from monitor.sandbox import drop_test_data


class Command(BaseCommand):
    help = "Drops logs, numbers, issues, events and deliveries of test mode, of one organization or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", help="its name; left out: of all")

    def handle(self, *, organization: str | None, **options: Any) -> None:
        found = Organization.objects.order_by("name")
        if organization is not None:
            found = found.filter(name=organization)
            if not found:
                raise CommandError(f"There is no organization {organization!r}.")
        for each in found:
            removed = drop_test_data(each.id, now=timezone.now())
            self.stdout.write(f"{each.name}: {removed} logs of test mode, and all that came of them.")
