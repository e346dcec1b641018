"""What clients reported does not stay for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.ingest.entry import Sender
from monitor.ingest.reports import (
    Count,
    ErrorGroup,
    InstanceDetails,
    Report,
    forget_old,
    keep_report,
)
from monitor.models import CountedDay, ErrorCount, Instance, ReceivedMessage
from tests.factories import a_key, a_service

pytestmark = pytest.mark.django_db


def report(message_id="m"):
    now = timezone.now()
    count = Count(counted_at=now, method="GET", route="/a", status_code=200, requests=1)
    error = ErrorGroup(kind="server", method="GET", route="/a", type="E", message="e", count=1)
    instance = InstanceDetails(name="one")
    return Report(message_id=message_id, environment="dev", instance=instance, counts=[count], errors=[error])


def kept():
    return [noun.objects.count() for noun in (ReceivedMessage, Instance, ErrorCount, CountedDay)]


def test_each_goes_when_its_time_is_over_and_not_before():
    now = timezone.now()
    keep_report(report(), Sender.of(a_key(a_service())[0]), now=now)

    ages = (timedelta(hours=2), timedelta(hours=4), timedelta(days=31), timedelta(days=402))
    left = []
    for age in ages:
        forget_old(now=now + age)
        left.append(kept())

    assert left == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_a_message_is_one_for_each_service():
    now = timezone.now()
    one, other = (Sender.of(a_key(a_service())[0]) for _ in range(2))

    kept = [keep_report(report(), sender, now=now) for sender in (one, one, other)]

    assert kept == [True, False, True]
