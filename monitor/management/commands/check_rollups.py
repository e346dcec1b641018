"""Prove that the rollups equal the logs, or make them."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.metrics.check import check_day, days_with_logs
from monitor.models import Service


class Command(BaseCommand):
    help = (
        "Recounts the logs of every day that is kept and compares them with the rollups; exits with 1 when"
        " they differ. Aggregates sent by clients are left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="put right what is wrong")
        parser.add_argument("--service", type=UUID, help="the id of one service; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        services = Service.objects.alive().order_by("id")
        if options["service"] is not None:
            services = services.filter(id=options["service"])
            if not services.exists():
                raise CommandError(f"There is no service {options['service']}.")
        requests = rows = wrong = 0
        for service_id in services.values_list("id", flat=True):
            for day in days_with_logs(service_id, now=now):
                checked = check_day(service_id, day, repair=options["repair"], now=now)
                requests, rows, wrong = (
                    requests + checked.requests,
                    rows + checked.rows,
                    wrong + checked.wrong,
                )
                if checked.wrong:
                    self.stdout.write(
                        f"{service_id} {day}: {checked.wrong} of {checked.rows} rows were wrong."
                    )
        self.stdout.write(f"{requests:,} requests and {rows:,} rollup rows compared, {wrong:,} rows wrong.")
        if wrong and not options["repair"]:
            raise CommandError("The rollups differ from the logs. Run again with --repair to put them right.")
