"""People are told of what rules of single requests match, not once for each request. The clock is given."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from monitor.alerts.ending import remove_rule
from monitor.alerts.matches import tell_matches
from monitor.alerts.tasks import judge_rules
from monitor.models import AlertArrival, AlertBudget, AlertEvent, AlertRule, AlertSilence, AlertTally
from tests.factories import a_log, a_rule, a_service, keep_logs
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return a_service(name="orders")


@pytest.fixture
def notices(monkeypatch):
    """What is handed to whoever tells people."""
    told = []
    monkeypatch.setattr("monitor.alerts.telling.tell", told.append)
    return told


def fail(service, count=1, **fields):
    keep_logs(service, *[a_log(status_code=503, **fields) for _ in range(count)])


def test_the_first_match_is_told_at_once_and_stands_for_all_of_them(service, notices):
    rule = a_rule(service, name="Server errors")
    fail(service, 12)

    assert tell_matches(now=NOON) == 1

    (notice,) = notices
    assert notice.message == ("Server errors: status_code >= 500 on GET /orders (status_code 503) (+11 more)")
    assert (notice.kind, notice.rule, notice.at) == ("match", rule, NOON)
    assert notice.event == AlertEvent.objects.filter(rule=rule).order_by("-id").first()
    assert not AlertArrival.objects.exists()


def test_what_matches_within_the_cooldown_is_told_as_one_when_it_is_over(service, notices):
    a_rule(service, cooldown_s=300)
    for minute in range(4):
        fail(service, 2)
        tell_matches(now=NOON + minute * MINUTE)
    assert len(notices) == 1

    tell_matches(now=NOON + 5 * MINUTE)
    tell_matches(now=NOON + 11 * MINUTE)

    assert [notice.message.partition(" (+")[2] for notice in notices] == [
        "1 more)",
        "5 more since 12:00 UTC)",
    ]


def test_each_match_is_an_event_once_and_telling_makes_no_other(service):
    rule = a_rule(service)
    fail(service, 3)

    tell_matches(now=NOON)
    tell_matches(now=NOON + MINUTE)

    assert list(AlertEvent.objects.filter(rule=rule).values_list("kind", "is_held")) == [("match", False)] * 3
    assert AlertBudget.objects.get().told == 1


def test_beyond_the_budget_a_match_is_held_back(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 1
    a_rule(service)
    late = a_rule(service, "status_code >= 503")
    fail(service)

    tell_matches(now=NOON)

    assert AlertEvent.objects.get(is_held=True).rule == late


def test_what_a_silence_covers_is_kept_and_not_told_when_it_ends(service, notices):
    a_rule(service)
    AlertSilence.objects.create(
        organization=service.organization, starts_at=NOON, ends_at=NOON + 5 * MINUTE, created_by="tests"
    )
    fail(service, 2)

    tell_matches(now=NOON)
    tell_matches(now=NOON + 10 * MINUTE)

    assert notices == []
    assert AlertEvent.objects.count() == 2


@pytest.mark.parametrize("gone", ["paused", "removed"])
def test_a_rule_that_is_paused_or_removed_meanwhile_tells_nothing(service, notices, gone):
    rule = a_rule(service)
    fail(service)
    if gone == "paused":
        AlertRule.objects.update(is_active=False)
    else:
        remove_rule(rule, now=NOON)

    assert tell_matches(now=NOON) == 0

    assert (notices, AlertArrival.objects.count()) == ([], 0)
    assert not AlertTally.objects.filter(waiting__gt=0).exists()


def test_telling_that_is_rolled_back_is_done_again(service, notices):
    a_rule(service)
    fail(service)

    with transaction.atomic():
        tell_matches(now=NOON)
        transaction.set_rollback(True)
    tell_matches(now=NOON)

    assert [notice.message for notice in notices] == [notices[0].message] * 2
    assert AlertTally.objects.get().told_at == NOON


def test_a_rule_that_cannot_be_judged_says_so_once(service):
    rule = a_rule(service)
    AlertRule.objects.filter(id=rule.id).update(condition_value="many")
    for minute in range(3):
        keep_logs(service, a_log())
        tell_matches(now=NOON + minute * MINUTE)

    told = AlertEvent.objects.get(rule=rule)
    assert (told.kind, told.message) == (
        "error",
        f"{rule.name} cannot be judged: status_code is compared with a whole number, not 'many'.",
    )

    AlertRule.objects.filter(id=rule.id).update(condition_value="500")
    keep_logs(service, a_log())
    tell_matches(now=NOON + 4 * MINUTE)
    AlertRule.objects.filter(id=rule.id).update(condition_value="many")
    keep_logs(service, a_log())
    tell_matches(now=NOON + 5 * MINUTE)
    assert AlertEvent.objects.filter(rule=rule, kind="error").count() == 2


def test_logs_that_match_nothing_leave_no_note(service):
    a_rule(service)
    keep_logs(service, a_log())

    assert not AlertArrival.objects.exists()


def test_a_note_costs_the_transaction_no_statement_of_its_own(service):
    a_rule(service)
    fail(service)  # names and rules are known from here on

    with CaptureQueriesContext(connection) as queries:
        fail(service)

    (note,) = [query["sql"] for query in queries if "alert_arrival" in query["sql"]]
    assert "FOR KEY SHARE" in note
    assert sum("FOR KEY SHARE" in query["sql"] for query in queries) == 1


@pytest.mark.django_db(transaction=True)
def test_one_step_of_the_minute_that_fails_keeps_no_other_from_telling(service, monkeypatch, caplog):
    a_rule(service)
    fail(service)

    def fails(*, now):
        raise RuntimeError("no news today")

    fails.__name__ = "tell_news"
    monkeypatch.setattr("monitor.alerts.tasks.tell_news", fails)
    with caplog.at_level("ERROR"):
        judge_rules(timestamp=0)

    assert AlertTally.objects.get().told_at is not None
    assert "tell_news failed" in caplog.text
