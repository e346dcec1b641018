"""`event_id` with `timestamp`: a repeat is kept once, counted once, judged once, and has the same id."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import AlertEvent, RequestLog
from tests.factories import a_client, a_key, a_log, a_rule, a_service, post_json, rfc3339

pytestmark = pytest.mark.usefixtures("door")


@pytest.fixture
def event():
    return a_log(
        event_id="order-17", timestamp=rfc3339(timezone.now() - timedelta(minutes=1)), status_code=500
    )


def test_a_repeat_answers_with_the_same_id_and_changes_nothing(sender, event):
    first = post_json(sender, "/v1/logs", event)
    second = post_json(sender, "/v1/logs", {**event, "status_code": 200, "request_body": "other"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    kept = sender.get(f"/v1/logs/{first.json()['id']}").json()
    assert (kept["status_code"], kept["request_body"]) == (500, None)
    assert sender.get("/v1/metrics").json()["total_requests"] == 1


def test_a_repeat_fires_no_rule_again(sender, service, event):
    a_rule(service, "status_code >= 500")

    post_json(sender, "/v1/logs", event)
    post_json(sender, "/v1/logs", event)

    assert AlertEvent.objects.count() == 1


def test_repeats_within_one_batch_are_kept_once(sender, event):
    others = [a_log(path="/other"), {**event, "event_id": "order-18"}]

    answer = post_json(sender, "/v1/logs/batch", [event, *others, event, event])

    assert answer.status_code == 201
    ids = answer.json()["ids"]
    assert answer.json()["accepted"] == 5
    assert ids[0] == ids[3] == ids[4]
    assert len(set(ids)) == 3
    assert RequestLog.objects.count() == 3


def test_a_batch_of_old_and_new_keeps_what_is_new(sender, event):
    post_json(sender, "/v1/logs", event)
    new = {**event, "event_id": "order-18", "request_body": "new"}

    answer = post_json(sender, "/v1/logs/batch", [new, event, a_log()])

    assert answer.status_code == 201
    assert RequestLog.objects.count() == 3
    assert sender.get(f"/v1/logs/{answer.json()['ids'][0]}").json()["request_body"] == "new"


@pytest.mark.parametrize("left_out", ["event_id", "timestamp"])
def test_one_of_the_two_alone_makes_no_repeat(sender, event, left_out):
    del event[left_out]

    ids = {post_json(sender, "/v1/logs", event).json()["id"] for _ in range(2)}

    assert len(ids) == 2


def test_the_same_moment_spelled_differently_is_the_same_event(sender, event):
    moment = timezone.now().replace(microsecond=0)
    spellings = [rfc3339(moment), moment.timestamp(), int(moment.timestamp()), moment.isoformat()]

    ids = {post_json(sender, "/v1/logs", {**event, "timestamp": each}).json()["id"] for each in spellings}

    assert len(ids) == 1


def test_events_of_one_name_differ_by_moment_service_and_mode(sender, service, event):
    moment = timezone.now() - timedelta(minutes=2)
    other_service = a_client(a_key(a_service(service.organization))[1])
    test_mode = a_client(a_key(service, mode="test")[1])

    ids = {
        post_json(client, "/v1/logs", log).json()["id"]
        for client, log in [
            (sender, event),
            (sender, {**event, "timestamp": rfc3339(moment)}),
            (other_service, event),
            (test_mode, event),
        ]
    }

    assert len(ids) == 4
