"""`manage.py alert_rules`: rules as YAML, for those who keep them beside their code."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitor.alerts.as_yaml import BadRules, apply, export, plan
from monitor.audit import by_command
from monitor.lib.as_code import line_of
from monitor.models import Organization
from monitor.models.tenants import DEFAULT_ORGANIZATION


class Command(BaseCommand):
    help = "Writes alert rules as YAML, tells what a file would change, or makes the rules as the file says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("export", "plan", "apply"))
        parser.add_argument("file", nargs="?", default="-", help="to read; - (the default) is standard input")
        parser.add_argument("--organization", default=DEFAULT_ORGANIZATION, help="default: %(default)s")
        parser.add_argument(
            "--prune", action="store_true", help="remove the rules that the file does not name"
        )

    def handle(self, *, action: str, file: str, organization: str, prune: bool, **options: Any) -> None:
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise CommandError(f"There is no organization {organization!r}.")
        if action == "export":
            self.stdout.write(export(found), ending="")
            return
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
            with by_command("alert_rules"):
                changes = (apply if action == "apply" else plan)(found, text, prune=prune)
        except (BadRules, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        for change in changes:
            self.stdout.write(line_of(change, is_done=action == "apply"))
        if not changes:
            self.stdout.write("All rules are as the file says.")
