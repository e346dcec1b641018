"""`manage.py verify_export`: whether an export is as it was signed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitor.compliance.archive import NotAsSigned, verify_archive
from monitor.lib.signatures import public_key


class Command(BaseCommand):
    help = "Checks the signature and the SHA-256 of every file of an organization's export."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--public-key", help="of who should have signed it; left out: this installation's"
        )

    def handle(self, *, file: Path, public_key: str | None, **options: Any) -> None:
        try:
            with file.open("rb") as source:
                manifest = verify_archive(source, trusted_key=public_key or own_key())
        except (NotAsSigned, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"As signed, at {manifest['exported_at']}.")


def own_key() -> str:
    return public_key()
