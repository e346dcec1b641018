"""What a service does not keep it does not take either."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.search.window import Window
from monitor.services import change_service
from tests.factories import a_client, a_key, a_log, a_service, post_json, rfc3339


@pytest.fixture
def service(db):
    return a_service(retention_days=2, error_retention_days=60)


@pytest.fixture
def sender(service):
    return a_client(a_key(service, scopes=["ingest", "read"])[1])


def days_ago(days):
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return rfc3339(midnight - timedelta(days=days))


@pytest.mark.parametrize(
    ("fields", "age", "status", "words"),
    [
        ({}, 2, 201, ""),
        ({}, 3, 400, "older than the 2 days that logs are kept"),
        ({"status_code": 500}, 60, 201, ""),
        ({"error": "gone", "status_code": None}, 60, 201, ""),
        ({"status_code": 503}, 61, 400, "older than the 60 days that requests that failed are kept"),
    ],
    ids=["kept", "too-old", "failed", "error", "failed-too-old"],
)
def test_a_log_is_taken_as_long_as_its_service_keeps_it(sender, fields, age, status, words):
    answer = post_json(sender, "/v1/logs", a_log(timestamp=days_ago(age), **fields))

    assert answer.status_code == status
    assert words in str(answer.json())


def test_what_is_kept_longer_than_the_default_is_found(sender, service):
    change_service(service, retention_days=90, error_retention_days=None)

    made = post_json(sender, "/v1/logs", a_log(timestamp=days_ago(89)))

    assert made.status_code == 201
    assert [row["id"] for row in sender.get("/v1/logs").json()] == [made.json()["id"]]


def test_the_window_reaches_as_far_as_the_longest_retention(service, settings):
    settings.RETENTION_DAYS = 10
    now = timezone.now()
    change_service(service, retention_days=2, error_retention_days=None)
    assert Window.of(None, None, now=now).since == now - timedelta(days=11)

    change_service(service, error_retention_days=100)

    assert Window.of(None, None, now=now).since == now - timedelta(days=101)
