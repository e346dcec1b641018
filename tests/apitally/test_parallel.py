"""A client tells of its start and of its first counts at the same time."""

import threading
import time

import psycopg
import pytest
from django.db import connection, connections
from django.utils import timezone

from monitor.ingest.entry import Sender
from monitor.ingest.reports import InstanceDetails, Report, keep_report
from monitor.models import Instance
from tests.factories import a_service
from tests.web import database_url

pytestmark = pytest.mark.django_db(transaction=True)

MAKE_IT_FIRST = """
INSERT INTO instance (id, service_id, environment, mode, name, client, versions, first_seen_at, last_seen_at)
VALUES (gen_random_uuid(), %s, 'dev', 'live', 'one', '', '{}', now(), now())
"""
SOMEONE_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


def test_what_the_second_tells_joins_the_row_that_the_first_made():
    service = a_service()
    sender = Sender(
        organization_id=service.organization_id,
        service_id=service.id,
        mode="live",
        keep_bodies=service.keep_bodies,
        retention=service.retention,
    )
    started = InstanceDetails(name="one", started=True, client="python:flask", versions={"flask": "3"})
    report = Report(message_id="start", environment="dev", instance=started)

    def tell():
        keep_report(report, sender, now=timezone.now())
        connections.close_all()

    with psycopg.connect(database_url()) as first:
        first.execute(MAKE_IT_FIRST, [service.id])
        second = threading.Thread(target=tell)
        second.start()
        wait_for_a_lock()
    second.join(timeout=30)

    instance = Instance.objects.get()
    assert (instance.client, instance.versions) == ("python:flask", {"flask": "3"})
    assert instance.started_at is not None


def wait_for_a_lock():
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(SOMEONE_WAITS)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("Nobody waited.")
