"""`manage.py fold_rollups`: days that are over, added up to longer spans."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from monitor.metrics.folds import fold
from monitor.metrics.hours import keep_hours


class Command(BaseCommand):
    help = (
        "Adds days that are over up to spans of four and sixteen days, and keeps hours of consumers where"
        " these are worth it, as the worker does by itself."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        spans, days = fold(now=now), keep_hours(now=now)
        self.stdout.write(f"Spans made now: {spans}. Days whose consumers' hours were counted: {days}.")
