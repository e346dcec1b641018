"""`manage.py sandbox`: made-up requests in test mode, in the organization's service of that name."""

import random
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.audit import by_command
from monitor.models import Organization
from monitor.models.tenants import DEFAULT_ORGANIZATION
from monitor.sandbox import MOST_HOURS, MOST_REQUESTS, fill, sandbox_service


class Command(BaseCommand):
    help = "Makes requests of a shop up, in test mode. `manage.py drop_test_data` takes them away again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", default=DEFAULT_ORGANIZATION, help="its name")
        parser.add_argument("--requests", type=int, default=500, help=f"at most {MOST_REQUESTS}")
        parser.add_argument("--hours", type=int, default=24, help="over so many hours up to now")

    def handle(self, *, organization: str, requests: int, hours: int, **options: Any) -> None:
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise CommandError(f"There is no organization {organization!r}.")
        if not 1 <= requests <= MOST_REQUESTS or not 1 <= hours <= MOST_HOURS:
            raise CommandError(f"1 to {MOST_REQUESTS} requests, over 1 to {MOST_HOURS} hours.")
        with by_command("sandbox"):
            service = sandbox_service(found)
        # What is made up is no secret.
        chance = random.Random()  # noqa: S311
        kept = fill(service, requests=requests, hours=hours, now=timezone.now(), chance=chance)
        self.stdout.write(f"{kept} made-up requests are kept in {service.name!r} of {found.name!r}.")
