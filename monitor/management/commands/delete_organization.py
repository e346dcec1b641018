"""`manage.py delete_organization`: removes an organization with all that is kept of it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.audit import by_command
from monitor.compliance.deletion import CannotDelete, begin_deletion, remove_everything
from monitor.models import Organization


class Command(BaseCommand):
    help = "Deletes an organization for good, now and here, and prints the signed receipt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="its name")
        parser.add_argument("--yes", action="store_true", help="it is meant: nothing brings it back")

    def handle(self, *, organization: str, yes: bool, **options: Any) -> None:
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise CommandError(f"There is no organization {organization!r}.")
        if not yes:
            raise CommandError("Nothing was deleted. Say --yes if it is meant.")
        try:
            with by_command("delete_organization"):
                deletion = begin_deletion(found, requested_by="command line", now=timezone.now())
        except CannotDelete as cannot:
            raise CommandError(str(cannot)) from None
        remove_everything(deletion.id)
        deletion.refresh_from_db()
        self.stdout.write(json.dumps(deletion.receipt, indent=1, sort_keys=True))
