"""Rules judged on every log, in the log's own transaction, and never in its way."""

import threading
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from monitor import alerts
from monitor.lib.actors import Role
from monitor.models import AlertEvent, AlertRule, RequestLog
from tests.factories import a_client, a_key, a_log, a_rule, a_service, a_user, keep_logs, post_json


@pytest.fixture
def service(db):
    return a_service()


@dataclass(frozen=True, kw_only=True)
class Seen:
    id: UUID
    service_id: UUID
    method: str = "GET"
    path: str = "/"
    status_code: int | None = 500
    latency_ms: float | None = None
    error: str | None = None


@pytest.mark.parametrize(
    ("condition", "log", "fires"),
    [
        ("status_code >= 500", {"status_code": 500}, True),
        ("status_code >= 500", {"status_code": 499}, False),
        ("status_code != 200", {"status_code": None}, False),
        ("latency_ms > 100", {"latency_ms": 100.5}, True),
        ("latency_ms > 100", {"latency_ms": 100}, False),
        ("latency_ms <= 100", {"latency_ms": None}, False),
        ("latency_ms == 0", {"latency_ms": 0}, True),
        ("error == true", {"error": "boom"}, True),
        ("error == true", {"error": ""}, False),
        ("error == true", {"error": None, "status_code": 500}, False),
        ("error == false", {"error": None}, True),
    ],
)
def test_a_rule_is_judged_on_a_log_that_comes_in(service, condition, log, fires):
    rule = a_rule(service, condition)
    sender = a_client(a_key(service)[1])

    answer = post_json(sender, "/v1/logs", a_log(**log))

    assert answer.status_code == 201
    events = [(event.rule_id, str(event.log_id)) for event in AlertEvent.objects.all()]
    assert events == ([(rule.id, answer.json()["id"])] if fires else [])


def test_rules_of_other_services_are_not_asked(service):
    a_rule(a_service(service.organization), "status_code >= 0")

    keep_logs(service, a_log())

    assert not AlertEvent.objects.exists()


def test_each_log_of_a_batch_is_judged_by_each_rule(service):
    a_rule(service, "status_code >= 500")
    a_rule(service, "latency_ms > 50")

    keep_logs(service, a_log(status_code=500, latency_ms=90), a_log(status_code=500), a_log())

    assert AlertEvent.objects.count() == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"condition_value": "many"},
        {"condition_field": "error", "condition_operator": ">"},
        {"condition_value": ""},
    ],
)
def test_a_broken_rule_is_marked_and_stops_neither_logs_nor_other_rules(service, broken):
    rule = a_rule(service, "status_code >= 500")
    AlertRule.objects.filter(id=rule.id).update(**broken)
    well = a_rule(service, "status_code >= 500")
    sender = a_client(a_key(service)[1])

    answer = post_json(sender, "/v1/logs", a_log(status_code=500))

    assert answer.status_code == 201
    assert RequestLog.objects.count() == 1
    assert AlertEvent.objects.get().rule == well
    shown = sender.get(f"/v1/alerts/{rule.id}").json()
    assert shown["last_error"]
    assert shown["last_error_at"]


def test_a_broken_rule_is_marked_once_a_minute_not_with_every_log(service, django_assert_num_queries):
    """Else every sender of the service would wait for the same row."""
    now = timezone.now()
    rule = a_rule(service, "status_code >= 500")
    AlertRule.objects.filter(id=rule.id).update(condition_value="many")
    logs = [Seen(id=uuid4(), service_id=service.id)]

    alerts.judge(logs, now=now)
    with django_assert_num_queries(1):
        alerts.judge(logs, now=now + timedelta(seconds=59))
    alerts.judge(logs, now=now + timedelta(seconds=61))

    rule.refresh_from_db()
    assert rule.last_error_at == now + timedelta(seconds=61)


def test_a_mended_rule_works_and_forgets_its_error(service):
    rule = a_rule(service, "status_code >= 500")
    AlertRule.objects.filter(id=rule.id).update(condition_value="many")
    keep_logs(service, a_log(status_code=500))
    AlertRule.objects.filter(id=rule.id).update(condition_value="500")

    keep_logs(service, a_log(status_code=500))

    rule.refresh_from_db()
    assert (rule.last_error, rule.last_error_at) == ("", None)
    assert AlertEvent.objects.count() == 1


def test_a_change_of_the_condition_forgets_the_error_at_once(service):
    rule = a_rule(service, "status_code >= 500")
    AlertRule.objects.filter(id=rule.id).update(condition_value="many")
    keep_logs(service, a_log(status_code=500))
    manager = a_client(a_key(service, scopes=["read", "manage"])[1])

    changed = manager.patch(
        f"/v1/alerts/{rule.id}", {"condition_value": "500"}, content_type="application/json"
    )

    assert (changed.json()["last_error"], changed.json()["last_error_at"]) == ("", None)


def test_a_message_that_would_be_too_long_is_cut(service):
    a_rule(service, "error == true", name="n" * 128)

    keep_logs(service, a_log(path="/" + "p" * 2000, error="e" * 5000))

    assert len(AlertEvent.objects.get().message) == 1024


def test_events_outlive_their_log(service):
    a_rule(service, "status_code >= 500")
    (log_id,) = keep_logs(service, a_log(status_code=500))
    RequestLog.objects.filter(id=log_id).delete()

    assert AlertEvent.objects.get().log_id == log_id


def test_query_budget_of_judging(service, django_assert_num_queries):
    for _ in range(5):
        a_rule(service, "status_code >= 500")
    logs = [Seen(id=uuid4(), service_id=service.id) for _ in range(20)]

    # whether rules changed; the rules; the lock on those that fired; their events.
    with django_assert_num_queries(4):
        assert len(alerts.judge(logs, now=timezone.now())) == 100
    # nothing fired, and the rules are known: whether they changed.
    with django_assert_num_queries(1):
        alerts.judge([Seen(id=uuid4(), service_id=service.id, status_code=200)], now=timezone.now())


def removed_by_the_api(rule):
    raw = a_key(rule.service, scopes=["manage", "read"])[1]
    return a_client(raw).delete(f"/v1/alerts/{rule.id}")


def removed_on_the_page(rule):
    admin = a_client(user=a_user(rule.service.organization, Role.ADMIN))
    return admin.post(f"/alerts-ui/{rule.id}/delete")


def removed_in_the_admin(rule):
    operator = a_client(user=a_user(is_staff=True, is_superuser=True))
    return operator.post(reverse("admin:monitor_alertrule_delete", args=[rule.pk]), {"post": "yes"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("remove", [removed_by_the_api, removed_on_the_page, removed_in_the_admin])
def test_a_rule_that_is_removed_while_it_fires_costs_no_log(remove):
    """Its events would point at nothing, and the log's commit, or the removal, would fail with them."""
    service = a_service()
    rule = a_rule(service, "status_code >= 500")
    answers = []

    def remove_meanwhile():
        answers.append(remove(rule))
        connections.close_all()

    remover = threading.Thread(target=remove_meanwhile)
    with transaction.atomic():
        events = alerts.judge([Seen(id=uuid4(), service_id=service.id)], now=timezone.now())
        remover.start()
        remover.join(timeout=1)
        assert remover.is_alive()  # it waits for us
    remover.join(timeout=20)

    assert len(events) == 1
    assert answers[0].status_code in (204, 302)
    assert not AlertRule.objects.exists()
    assert not AlertEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_was_removed_after_it_was_read_fires_nothing():
    service = a_service()
    gone, there = a_rule(service, "status_code >= 500"), a_rule(service, "status_code >= 500")
    logs = [Seen(id=uuid4(), service_id=service.id)]

    def remove_behind_our_back(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if 'FROM "alert_rule"' in sql and not removed:
            removed.append(gone)

            def remove():
                AlertRule.objects.filter(id=gone.id).delete()
                connections.close_all()

            thread = threading.Thread(target=remove)
            thread.start()
            thread.join()
        return result

    removed = []
    with connection.execute_wrapper(remove_behind_our_back), transaction.atomic():
        events = alerts.judge(logs, now=timezone.now())

    assert [event.rule_id for event in events] == [there.id]
    assert AlertEvent.objects.get().rule == there
