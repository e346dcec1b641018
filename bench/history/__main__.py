"""`python -m bench.history ROWS FOLDER`: load the database of this environment; print what is there."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import django


def main(rows: int, folder: Path) -> None:
    django.setup()
    from bench.bench import sender_of
    from bench.history.load import load_history, require_space
    from bench.traffic import SERVICES
    from monitor.models import Organization, Service
    from monitor.services import register_service

    require_space(folder, rows)
    now = datetime.now(UTC)
    organization = Organization.objects.default()
    there = {service.name: service for service in Service.objects.alive()}
    services = [
        there.get(name) or register_service(organization=organization, name=name) for name in SERVICES
    ]
    load_history([sender_of(service) for service in services], rows, now=now)
    print(json.dumps({"rows": rows, "newest": now.isoformat()}))


main(int(sys.argv[1]), Path(sys.argv[2]))
