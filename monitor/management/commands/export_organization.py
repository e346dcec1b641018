"""`manage.py export_organization`: all that is kept of an organization, as one signed zip."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.compliance.archive import write_archive
from monitor.models import Organization


class Command(BaseCommand):
    help = "Writes a zip with a file of NDJSON for each noun of an organization, and a signed manifest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="its name")
        parser.add_argument("file", type=Path, help="must not exist yet")

    def handle(self, *, organization: str, file: Path, **options: Any) -> None:
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise CommandError(f"There is no organization {organization!r}.")
        try:
            with file.open("xb") as target:
                for piece in write_archive(found, requested_by="command line", now=timezone.now()):
                    target.write(piece)
        except FileExistsError:
            raise CommandError(f"{file} is there already.") from None
        self.stdout.write(f"{file} holds all that is kept of {organization}.")
