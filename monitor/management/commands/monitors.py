"""`manage.py monitors`: monitors as YAML, for those who keep them beside code, and those of Uptime Kuma."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.lib.as_code import BadDocument, line_of
from monitor.models import Organization
from monitor.models.tenants import DEFAULT_ORGANIZATION
from monitor.monitors.as_yaml import apply, export, of_one_name, plan
from monitor.monitors.importing import bring_kuma, counts_of
from monitor.monitors.kuma import BadBackup


class Command(BaseCommand):
    help = (
        "Writes monitors as YAML, tells what a file would change, or makes the monitors as the file says."
        " Secrets are names of environment variables, as ${SHOP_TOKEN}. import-kuma brings the backup of an"
        " Uptime Kuma in."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("export", "plan", "apply", "import-kuma"))
        parser.add_argument("file", nargs="?", default="-", help="to read; - (the default) is standard input")
        parser.add_argument("--organization", default=DEFAULT_ORGANIZATION, help="default: %(default)s")
        parser.add_argument(
            "--prune", action="store_true", help="remove the monitors that the file does not name"
        )
        parser.add_argument("--dry-run", action="store_true", help="import-kuma: say what would come of it")

    def handle(self, *, action: str, file: str, organization: str, **options: Any) -> None:
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise CommandError(f"There is no organization {organization!r}.")
        if action == "export":
            for name in of_one_name(found):
                self.stderr.write(f"Several monitors are named {name}: only the oldest is told.")
            self.stdout.write(export(found), ending="")
            return
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
            if action == "import-kuma":
                self.bring(found, text, is_dry_run=options["dry_run"])
                return
            self.go_by(found, text, is_plan=action == "plan", prune=options["prune"])
        except (BadDocument, BadBackup, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error

    def go_by(self, organization: Organization, text: str, *, is_plan: bool, prune: bool) -> None:
        """The plan first; then, unless it is all that was asked for, what was done."""
        planned = plan(organization, text, environment=os.environ, prune=prune)
        for change in planned:
            self.stdout.write(line_of(change, is_done=False))
        if not planned:
            self.stdout.write("All monitors are as the file says.")
        elif not is_plan:
            done = apply(organization, text, environment=os.environ, now=timezone.now(), prune=prune)
            for change in done:
                self.stdout.write(f"{line_of(change, is_done=True).partition(': ')[0]}")

    def bring(self, organization: Organization, text: str, *, is_dry_run: bool) -> None:
        told = bring_kuma(organization, text, now=timezone.now(), is_dry_run=is_dry_run)
        for each in told:
            self.stdout.write(f"{each.outcome} {each.name} ({each.kind}) {' '.join(each.notes)}".rstrip())
        self.stdout.write(", ".join(f"{number} {word}" for word, number in counts_of(told).items()))
