"""What `manage.py import_har` and `import_ndjson` have in common."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitor.imports.bring import Source, bring_in
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.entry import Sender
from monitor.models import Service
from monitor.models.keys import Mode

MAX_SHOWN = 100
AT_ONCE = 1000
Items = Iterator[LogItem | Undecodable]


class ImportCommand(BaseCommand):
    """A command that brings a file of any size, a thousand requests at a time."""

    source: Source
    open_items: Callable[[BinaryIO], Items]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file, or - for standard input")
        parser.add_argument("--service", required=True, help="the id or the name of the service")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.LIVE, help="default: %(default)s")
        parser.add_argument("--dry-run", action="store_true", help="check everything and keep nothing")

    def handle(self, *, file: str, service: str, mode: str, dry_run: bool, **options: Any) -> None:
        sender = Sender.of_service(service_named(service), mode=mode)
        try:
            # Standard input is not ours to close.
            with open(sys.stdin.fileno() if file == "-" else file, "rb", closefd=file != "-") as stream:
                self.bring(self.open_items(stream), sender, dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        except Undecodable as error:
            raise CommandError(f"{file}: {error}") from None

    def bring(self, items: Items, sender: Sender, *, dry_run: bool) -> None:
        seen = new = excluded = refused = 0
        while piece := list(islice(items, AT_ONCE)):
            brought = bring_in(piece, sender, source=self.source, now=timezone.now(), dry_run=dry_run)
            for each in brought.rejections[: max(MAX_SHOWN - refused, 0)]:
                place = f", {each.field}" if each.field else ""
                self.stderr.write(f"Request {seen + each.index + 1:,}{place}: {each.message}")
            seen, new, refused = seen + len(piece), new + brought.new, refused + len(brought.rejections)
            excluded += brought.excluded
            if self.stdout.isatty():
                self.stdout.write(f"\r{seen:,} requests ", ending="")
                self.stdout.flush()
        counts = [
            f"{new:,} {'would be new' if dry_run else 'new'}",
            f"{seen - new - excluded - refused:,} known already",
        ]
        if excluded:
            counts.append(f"{excluded:,} left out by the service's rules")
        self.stdout.write(f"{seen:,} requests: {', '.join(counts)}, {refused:,} refused.")
        if seen and refused == seen:
            raise CommandError("No request in the file could be kept.")


def service_named(named: str) -> Service:
    services = Service.objects.alive().select_related("organization")
    try:
        found: Sequence[Service] = list(services.filter(id=UUID(named)))
    except ValueError:
        found = list(services.filter(name=named)[:2])
    if len(found) > 1:
        raise CommandError(f"Several services are called {named}: give the id.")
    if not found:
        raise CommandError(f"There is no service {named}.")
    return found[0]
