"""`manage.py deliver` as a process of its own, killed while it tells a subscriber."""

import time

import pytest
from django.utils import timezone

from monitor.models import StatusDelivery
from monitor.status.register import open_incident
from monitor.status.subscribing import add
from tests.channels.test_process import WAIT_S, a_deliverer, wait_until
from tests.factories import an_organization
from tests.receiver import Reply
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_killed_sender_was_telling_a_subscriber_is_told_by_the_next(receiver, settings):
    settings.QUICK_START = True
    page = a_page(an_organization())
    add(page, kind="webhook", target=f"{receiver.url}/hook", now=timezone.now())
    receiver.replies(Reply(after_s=WAIT_S), Reply())
    open_incident(
        page, title="Slow", impact="minor", status="investigating", body="We look.", now=timezone.now()
    )
    with a_deliverer() as first:
        wait_until(lambda: len(receiver.arrived) == 1)
        first.kill()
        first.wait(WAIT_S)
    assert StatusDelivery.objects.get().status == "leased"

    # As if half a minute had gone by: the lease is over, and then the wait of the schedule.
    StatusDelivery.objects.update(lease_until=timezone.now())
    with a_deliverer():
        wait_until(lambda: StatusDelivery.objects.get().status == "succeeded")
        time.sleep(0.5)

    assert len(receiver.arrived) == 2
    assert len({arrived.json["id"] for arrived in receiver.arrived}) == 1
