"""`manage.py make_days`: the partitions of today and the days to come."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from monitor.retention import make_days_ahead
from monitor.retention.days import DAYS_AHEAD


class Command(BaseCommand):
    help = "Makes the partitions that logs of today and the next days need, as the worker does each hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ahead", type=int, default=DAYS_AHEAD, metavar="DAYS", help="default: %(default)s"
        )

    def handle(self, *, ahead: int, **options: Any) -> None:
        made = make_days_ahead(now=timezone.now(), ahead=max(ahead, 0))
        words = ", ".join(str(day) for day in made) if made else "none: all are there"
        self.stdout.write(f"Days made: {words}.")
