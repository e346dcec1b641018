"""`manage.py deliver` as a process of its own: killed in the middle of telling, doubled, stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.utils import timezone

from monitor.models import NotificationAttempt, NotificationDelivery
from tests.receiver import Reply
from tests.web import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60


@contextmanager
def a_deliverer(**environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
            "DATABASE_URL": database_url(),
            "ANONYMOUS_ACCESS": "full",
            "LOG_LEVEL": "warning",
            **environment,
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


def all_told() -> bool:
    return not NotificationDelivery.objects.exclude(status="succeeded").exists()


def test_what_a_killed_sender_was_telling_is_told_by_the_next(a_channel, happen, receiver):
    a_channel(url=receiver.url)
    receiver.replies(Reply(after_s=WAIT_S), Reply())
    happen()
    with a_deliverer() as first:
        wait_until(lambda: len(receiver.arrived) == 1)
        first.kill()
        first.wait(WAIT_S)
    assert NotificationDelivery.objects.get().status == "leased"

    # As if half a minute had gone by: the lease is over, and then the wait of the schedule.
    NotificationDelivery.objects.update(lease_until=timezone.now())
    with a_deliverer():
        wait_until(all_told)
        time.sleep(1)

    assert len(receiver.arrived) == 2
    assert len({each.headers["webhook-id"] for each in receiver.arrived}) == 1
    numbers = NotificationAttempt.objects.order_by("number").values_list("number", "error_class")
    assert list(numbers) == [(1, "internal"), (2, "")]


def test_two_senders_tell_each_once_between_them_and_mail_goes_by_the_servers_address(
    a_channel, happen, receiver, mail
):
    a_channel(url=receiver.url)
    a_channel("email")
    for number in range(20):
        happen(key=f"incident {number}")

    address = {"EMAIL_URL": f"smtp://127.0.0.1:{mail.port}", "EMAIL_FROM": "ops@shop.example"}
    with a_deliverer(**address), a_deliverer(**address):
        wait_until(all_told)

    assert len(receiver.arrived) == len(mail.mails) == 20
    assert len({each.json["data"]["incident"] for each in receiver.arrived}) == 20
    assert mail.mails[0]["From"] == "ops@shop.example"
    assert NotificationAttempt.objects.count() == 40


def test_one_that_is_asked_to_stop_finishes_what_it_is_telling(a_channel, happen, receiver):
    a_channel(url=receiver.url)
    receiver.replies(Reply(after_s=1))
    happen()
    with a_deliverer() as process:
        wait_until(lambda: len(receiver.arrived) == 1)
        process.terminate()

        assert process.wait(WAIT_S) == 0

    assert all_told()
