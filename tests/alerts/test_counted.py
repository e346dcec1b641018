"""Rules over windows where a client counts itself, beside the logs it sends."""

from datetime import timedelta

import pytest

from monitor.alerts.rounds import judge_windows
from monitor.ingest.entry import Sender
from monitor.ingest.reports import Count, Report, keep_report
from monitor.metrics.compact import compact
from monitor.models import AlertGroup
from tests.factories import a_log, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
AGO = timedelta(minutes=2)


@pytest.mark.parametrize("is_rolled_up", [False, True])
@pytest.mark.parametrize(
    ("narrowed", "requests"), [({"environment": "prod"}, 40), ({"environment": "dev"}, 3), ({}, 43)]
)
def test_the_counts_of_a_client_speak_for_its_environment_and_are_not_added_to_the_logs(
    narrowed, requests, is_rolled_up
):
    service = a_service()
    for environment, count in (("prod", 2), ("dev", 3)):
        log = a_log(timestamp=rfc3339(NOON - AGO), environment=environment)
        keep_logs(service, *[log] * count, now=NOON)
    report = Report(
        message_id="first",
        environment="prod",
        counts=[a_count(requests=40)],
    )
    keep_report(report, sender_of(service), now=NOON)
    if is_rolled_up:
        compact(now=NOON)
    rule = a_window_rule(service, threshold=1000, **narrowed)

    judge_windows(now=NOON)

    assert AlertGroup.objects.get(rule=rule).requests == requests


def a_count(requests):
    return Count(
        counted_at=NOON - AGO, method="GET", route="/orders", consumer="", status_code=200, requests=requests
    )


def sender_of(service):
    return Sender(
        organization_id=service.organization_id,
        service_id=service.id,
        mode="live",
        keep_bodies=service.keep_bodies,
        retention=service.retention,
    )
