"""Rules are read once, and a change of them counts from the very next log, whoever made it and how."""

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from monitor import alerts
from monitor.models import AlertEvent, AlertRule, AlertRuleChange
from monitor.services.purge import purge
from tests.alerts.test_judge import Seen
from tests.factories import a_log, a_rule, a_service, keep_logs


@pytest.fixture
def service(db):
    return a_service()


def events_after_a_failed_log(service):
    keep_logs(service, a_log(status_code=500))
    return list(AlertEvent.objects.order_by("rule_id").values_list("rule__name", flat=True))


def test_rules_that_did_not_change_are_not_read_again(service, django_assert_num_queries):
    a_rule(service, "status_code == 1")
    keep_logs(service, a_log())

    with django_assert_num_queries(1) as captured:
        alerts.judge([a_judged_log(service)], now=timezone.now())

    assert "alert_rule_change" in captured[0]["sql"]


def test_a_service_that_never_had_rules_has_none_read(service, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert alerts.judge([a_judged_log(service)], now=timezone.now()) == []


def a_judged_log(service):
    return Seen(id=uuid4(), service_id=service.id)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rule: a_rule(rule.service, name="new"), ["new", "old"]),
        (lambda rule: rule.delete(), []),
        (lambda rule: AlertRule.objects.filter(id=rule.id).update(is_active=False), []),
        (lambda rule: AlertRule.objects.filter(id=rule.id).update(condition_value="501"), []),
        (lambda rule: AlertRule.objects.filter(id=rule.id).update(condition_operator="<"), []),
        (lambda rule: AlertRule.objects.filter(id=rule.id).update(name="renamed"), ["renamed"]),
        (lambda rule: AlertRule.objects.bulk_create([unsaved(rule, "one"), unsaved(rule, "two")]),
         ["old", "one", "two"]),
    ],
    ids=["added", "removed", "paused", "value", "operator", "renamed", "several at once"],
)  # fmt: skip
def test_a_change_counts_from_the_next_log(service, change, expected):
    rule = a_rule(service, "status_code >= 500", name="old")
    keep_logs(service, a_log())

    change(rule)

    assert sorted(events_after_a_failed_log(service)) == expected


def unsaved(rule, name):
    return AlertRule(
        service=rule.service,
        name=name,
        condition_field=rule.condition_field,
        condition_operator=rule.condition_operator,
        condition_value=rule.condition_value,
    )


def test_a_rule_that_moves_is_read_anew_by_both_services(service):
    other = a_service(service.organization)
    rule = a_rule(service, "status_code >= 500", name="moved")
    a_rule(other, "status_code == 1")
    keep_logs(service, a_log())
    keep_logs(other, a_log())

    AlertRule.objects.filter(id=rule.id).update(service=other)

    assert events_after_a_failed_log(service) == []
    assert events_after_a_failed_log(other) == ["moved"]


def test_a_change_that_is_rolled_back_leaves_the_rules_as_they_were(service):
    a_rule(service, "status_code >= 500", name="stays")
    keep_logs(service, a_log())
    with transaction.atomic():
        a_rule(service, "status_code >= 500", name="goes")
        keep_logs(service, a_log())
        transaction.set_rollback(True)

    a_rule(service, "status_code >= 500", name="later")

    assert sorted(events_after_a_failed_log(service)) == ["later", "stays"]


def test_an_error_of_a_rule_is_no_change(service):
    rule = a_rule(service)
    before = AlertRuleChange.objects.get(service_id=service.id).number

    AlertRule.objects.filter(id=rule.id).update(last_error="boom", last_error_at=timezone.now())

    assert AlertRuleChange.objects.get(service_id=service.id).number == before


def test_a_service_that_is_removed_leaves_no_number_behind(service):
    a_rule(service)
    service.mark_deleted(now=timezone.now())

    purge(service.id)

    assert not AlertRuleChange.objects.filter(service_id=service.id).exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_by_another_connection_counts_from_the_next_log():
    service = a_service()
    a_rule(service, "status_code >= 500", name="first")
    keep_logs(service, a_log())
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("UPDATE alert_rule SET condition_value = '501'")
        assert events_after_a_failed_log(service) == []
        with other.cursor() as cursor:
            cursor.execute("UPDATE alert_rule SET condition_value = '500', name = 'second'")
        assert events_after_a_failed_log(service) == ["second"]
    finally:
        other.close()
