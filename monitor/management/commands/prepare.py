"""What a start needs before anything is served, in one process: each start of Python costs a second."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apimonitor import env, statics
from monitor.access.administrator import DEFAULT_ADDRESS, Administrator, ensure_administrator
from monitor.access.keys import issue_key
from monitor.models import Organization, Service
from monitor.retention.days import make_days_ahead
from monitor.services import register_service

# Any number, as long as it stays the same: whoever holds this lock migrates.
MIGRATION_LOCK = 4_716_301
CONNECT_TIMEOUT_S = 10
FIRST_SERVICE = "my-service"


class Command(BaseCommand):
    help = "Migrates the database and makes the first administrator (ADMIN_USERNAME, ADMIN_PASSWORD, "
    help += "ADMIN_EMAIL)."
    # They take half a second, and scripts/test and the deployment run them.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--quick-start",
            action="store_true",
            help="also collect static files, generate a missing password, and make a first service and key",
        )
        parser.add_argument(
            "--report-to", type=int, metavar="FD", help="write what was made as JSON to this file descriptor"
        )

    def handle(self, *, quick_start: bool, report_to: int | None, **options: Any) -> None:
        require_database()
        with one_at_a_time():
            self._migrate()
            # The worker does so hourly; until then a new installation would warn of itself.
            make_days_ahead(now=timezone.now())
            administrator = self._administrator(quick_start=quick_start)
            raw_key = first_key() if quick_start else None
        if quick_start and not statics.are_current():
            self.stdout.write("Collecting the static files ...")
            statics.collect()
        if report_to is not None:
            write_report(report_to, administrator=administrator, raw_key=raw_key)

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Migrating the database ...")
            self.stdout.flush()
            call_command("migrate", interactive=False, verbosity=0)

    def _administrator(self, *, quick_start: bool) -> Administrator | None:
        """Without --quick-start nobody watches the screen and the log is kept: no password is made up."""
        password = env.text("ADMIN_PASSWORD", "") or None
        if password is None and not quick_start:
            return None
        try:
            return ensure_administrator(
                username=env.text("ADMIN_USERNAME", "admin"),
                password=password,
                email=env.text("ADMIN_EMAIL", DEFAULT_ADDRESS),
            )
        except ValidationError as error:
            raise CommandError(f"ADMIN_PASSWORD is too weak. {' '.join(error.messages)}") from None


def write_report(descriptor: int, *, administrator: Administrator | None, raw_key: str | None) -> None:
    made = administrator and {
        "username": administrator.username,
        "password": administrator.generated_password,
    }
    with os.fdopen(descriptor, "w") as file:
        json.dump({"administrator": made, "raw_key": raw_key}, file)


def require_database() -> None:
    """Raises CommandError with a sentence that names the place, never the password."""
    parameters = connection.get_connection_params() | {"connect_timeout": CONNECT_TIMEOUT_S}
    place = f"{parameters.get('host') or 'the local socket'}:{parameters.get('port') or 5432}"
    kept = {name: value for name, value in parameters.items() if name not in ("cursor_factory", "context")}
    try:
        with psycopg.connect(**kept) as probe:
            version = probe.info.server_version
    except psycopg.Error as error:
        reason = reason_of(error, password=str(parameters.get("password") or ""))
        raise CommandError(f"The database at {place} (DATABASE_URL) cannot be used: {reason}") from None
    if version < 15_00_00:
        raise CommandError(
            f"The database at {place} is PostgreSQL {version // 10000}; 15 or newer is needed."
        )


def reason_of(error: psycopg.Error, *, password: str) -> str:
    """The end of the line that says why; libpq puts one for each address it tried, and hints below."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"]
    telling = [line for line in lines if "failed: " in line] or lines
    reason = telling[-1].rpartition("failed: ")[2]
    return reason.replace(password, "***") if password else reason


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two web containers may start at once: the second waits here and finds everything done."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def first_key() -> str | None:
    """The text of a key for a first service; None when there are services, removed ones included."""
    if Service.objects.exists():
        return None
    organization = Organization.objects.default()
    service = register_service(organization=organization, name=FIRST_SERVICE)
    return issue_key(organization=organization, service=service, name="First key")[1]
