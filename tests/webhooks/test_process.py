"""`manage.py deliver` as a process of its own: killed, doubled, cut off from its database, stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from monitor.models import WebhookAttempt, WebhookDelivery
from tests.receiver import Reply
from tests.web import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60


@contextmanager
def a_deliverer() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
            "DATABASE_URL": database_url(),
            "ANONYMOUS_ACCESS": "full",
            "LOG_LEVEL": "warning",
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_S)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, "It did not come about."
        time.sleep(0.05)


def all_delivered() -> bool:
    return not WebhookDelivery.objects.exclude(status="succeeded").exists()


def test_one_that_is_killed_in_the_middle_of_a_call_is_followed_by_exactly_one_more_attempt(
    receiver, an_endpoint, happen
):
    an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(Reply(after_s=WAIT_S), Reply())
    happen()
    with a_deliverer() as first:
        wait_until(lambda: len(receiver.arrived) == 1)
        first.kill()
        first.wait(WAIT_S)
    assert WebhookDelivery.objects.get().status == "leased"

    # As if a minute had gone by: the lease is over, and then the wait of the schedule.
    WebhookDelivery.objects.update(lease_until=timezone.now())
    with a_deliverer():
        wait_until(all_delivered)
        time.sleep(1)

    assert len(receiver.arrived) == 2
    assert len(set(receiver.ids)) == 1
    numbers = WebhookAttempt.objects.order_by("number").values_list("number", "error_class")
    assert list(numbers) == [(1, "internal"), (2, "")]


def test_two_deliverers_send_each_delivery_once_between_them(receiver, an_endpoint, happen):
    for number in range(4):
        an_endpoint(f"{receiver.url}/{number}", events=("order.*",))
    for _ in range(50):
        happen()

    with a_deliverer(), a_deliverer():
        wait_until(all_delivered)

    assert len(receiver.arrived) == 200
    assert len({(each.path, each.headers["webhook-id"]) for each in receiver.arrived}) == 200
    assert WebhookAttempt.objects.count() == 200


def test_a_deliverer_that_lost_its_database_goes_on_when_it_is_back(receiver, an_endpoint, happen):
    an_endpoint(receiver.url, events=("order.*",))
    happen()
    with a_deliverer():
        wait_until(all_delivered)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= 1
        happen()
        wait_until(all_delivered)

    assert len(receiver.arrived) == 2


def test_one_that_is_asked_to_stop_finishes_what_is_under_way(receiver, an_endpoint, happen):
    an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(Reply(after_s=1))
    happen()
    with a_deliverer() as process:
        wait_until(lambda: len(receiver.arrived) == 1)
        process.terminate()

        assert process.wait(WAIT_S) == 0

    assert all_delivered()
