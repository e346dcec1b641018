"""`manage.py index_paths`: the index for parts of paths, on every day that is closed."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from monitor.search.path_index import index_closed_days, look_at_path_indexes


class Command(BaseCommand):
    help = "Indexes the paths of closed days, as the worker does each hour, where PostgreSQL has pg_trgm."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        built = index_closed_days(now=now)
        words = ", ".join(str(day) for day in built) if built else "none"
        self.stdout.write(f"Days indexed now: {words}.")
        self.stdout.write(f"Path index: {look_at_path_indexes(now=now).words}.")
