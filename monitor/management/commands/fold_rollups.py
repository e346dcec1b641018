"""`manage.py fold_rollups`: days that are over, added up to longer spans."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from monitor.metrics.folds import fold


class Command(BaseCommand):
    help = "Adds days that are over up to spans of four and sixteen days, as the worker does by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Spans made now: {fold(now=timezone.now())}.")
