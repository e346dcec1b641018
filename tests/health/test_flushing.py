"""Counts of real web processes arrive, also those of the last seconds before a stop."""

import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from monitor.health.flushing import FLUSH_S
from monitor.models import Counter
from tests.web import ROOT, START_SECONDS, database_url, wait_until_healthy


def refusals():
    return sum(
        Counter.objects.filter(name="apimonitor_ingest_rejected_total").values_list("value", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_stopped_hands_over_what_all_its_processes_counted():
    # The servers of earlier tests are on this database too; now they have handed over theirs.
    time.sleep(FLUSH_S + 1)
    before = refusals()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:apimonitor.serving", "apimonitor.asgi:application"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
            "DATABASE_URL": database_url(),
            "ANONYMOUS_ACCESS": "none",
            "LOG_LEVEL": "warning",
            "PORT": str(port),
            "WEB_WORKERS": "2",
        },
    )
    try:
        wait_until_healthy(address, process)
        for _ in range(20):
            # A connection each, so that both processes get some.
            assert httpx.post(f"{address}/v1/logs", json={}, timeout=60).status_code == 401
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)

    assert refusals() - before == 20
