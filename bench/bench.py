"""What every part stands on: a database with a service and its key, bodies to post, and a clean slate."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from apimonitor.supervisor.postgres import Cluster
from bench.installation import OURS, served
from bench.options import Options
from bench.traffic import Traffic
from monitor.access import issue_key
from monitor.ingest.entry import Sender
from monitor.models import Organization, Service
from monitor.services import register_service

BODIES = 2_000
# With the bodies of single posts, 10,000 logs would be more than the door takes in one batch (16 MiB).
BATCH_BODY_BYTES = 300


@dataclass(kw_only=True)
class Bench:
    options: Options
    folder: Path
    cluster: Cluster
    _services: dict[str, tuple[Service, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.cluster.url

    @property
    def log(self) -> Path:
        return self.folder / "log" / "servers.log"

    def service(self, name: str = "shop") -> tuple[Service, str]:
        """A service of this name, and a key of it that may do everything."""
        if name not in self._services:
            organization = Organization.objects.default()
            service = register_service(organization=organization, name=name)
            scopes = ["ingest", "read", "manage"]
            _, raw = issue_key(organization=organization, service=service, name="bench", scopes=scopes)
            self._services[name] = service, raw
        return self._services[name]

    def sender(self, name: str = "shop") -> Sender:
        return sender_of(self.service(name)[0])

    def key(self, name: str = "shop") -> str:
        return self.service(name)[1]

    @contextmanager
    def product(self) -> Iterator[str]:
        """The address of the product, served as `scripts/up` serves it."""
        with served(self.url, *OURS, log=self.log) as address:
            yield address

    def bodies_file(self, *, batch: int = 0) -> Path:
        """A file with a body to post on each line: single logs, or arrays of `batch` logs."""
        file = self.folder / f"bodies-{batch}.txt"
        if not file.exists():
            count = max(200 if self.options.quick else BODIES, batch)
            traffic = Traffic(median_body_bytes=BATCH_BODY_BYTES) if batch else Traffic()
            items = [call.as_item() for call in traffic.calls(count)]
            groups: Sequence[Any] = items if batch == 0 else chunks(items, batch)
            file.write_text("".join(json.dumps(group, separators=(",", ":")) + "\n" for group in groups))
        return file

    def rounds_with_warming(self) -> range:
        """The numbers of the rounds; number 0 warms up and does not count."""
        return range(1 if self.options.quick else 0, self.options.rounds + 1)

    def empty_tables(self) -> None:
        """Forget the logs, so that every part and contestant begins alike."""
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE request_log, log_payload")
        connection.close()

    def scalar(self, statement: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None


def sender_of(service: Service) -> Sender:
    return Sender(
        organization_id=service.organization_id,
        service_id=service.id,
        mode="live",
        keep_bodies=service.keep_bodies,
    )


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items) - size + 1, size)]


def mean_size(bodies: Path) -> float:
    """Bytes of an average line."""
    lines = bodies.read_bytes().splitlines()
    return sum(map(len, lines)) / len(lines)
