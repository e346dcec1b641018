"""`manage.py demo_room`: monitors, a journey, planned work and a status page of the demo's shop."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.audit import by_command
from monitor.models import Service
from monitor.status.demo import SLUG, follow, furnish


class Command(BaseCommand):
    help = (
        "Makes monitors with a past and a status page for the shop of `scripts/up --demo`; where they are "
        "already, has them look where the shop is now."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--service", required=True, help="the shop's service, by id")
        parser.add_argument("--shop", required=True, help="where the shop answers, as http://127.0.0.1:8091")

    def handle(self, *, service: str, shop: str, **options: Any) -> None:
        found = Service.objects.alive().select_related("organization").filter(id=service).first()
        if found is None:
            raise CommandError(f"There is no service {service}.")
        with by_command("demo_room"):
            page = furnish(found, shop_url=shop, now=timezone.now())
            moved = follow(found, shop_url=shop, now=timezone.now()) if page is None else []
        self.stdout.write(f"/status/{SLUG} {'is there already' if page is None else 'is made'}.")
        if moved:
            self.stdout.write(f"These look at {shop} now: {', '.join(moved)}.")
