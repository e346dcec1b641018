"""A rule that cannot be told of is its own error: shown, told once, and nobody else's matter."""

from datetime import timedelta

import pytest

from monitor.alerts.matches import tell_matches
from monitor.alerts.news import tell_news
from monitor.alerts.rounds import judge_windows
from monitor.alerts.telling import announcement_of
from monitor.models import (
    AlertBudget,
    AlertEvent,
    AlertGroup,
    AlertRule,
    AlertTally,
    Notification,
    NotificationChannel,
)
from tests.factories import a_log, a_rule, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def service():
    return a_service(name="orders")


@pytest.fixture
def broken(monkeypatch):
    """Rules of the name Broken cannot be laid out, but for the word that they cannot."""
    broken = {"Broken"}

    def lay_out(notice):
        if notice.rule is not None and notice.rule.name in broken and notice.kind != "error":
            raise LookupError("no such layout")
        return announcement_of(notice)

    monkeypatch.setattr("monitor.alerts.telling.announcement_of", lay_out)
    return broken


def errors(rule):
    return [event.message for event in AlertEvent.objects.filter(rule=rule, kind="error").order_by("id")]


def what_is_shown(rule):
    return AlertRule.objects.get(id=rule.id).last_error


SAID = "Could not be told: LookupError: no such layout"


def test_matches_of_other_rules_are_told_and_its_own_wait(service, broken):
    bad, good = (a_rule(service, name=name) for name in ("Broken", "Good"))
    keep_logs(service, a_log(status_code=503), a_log(status_code=503))

    assert tell_matches(now=NOON) == 1
    assert tell_matches(now=NOON + MINUTE) == 0

    assert what_is_shown(bad) == SAID
    assert errors(bad) == [f"Broken: {SAID}"]
    assert AlertTally.objects.get(rule=bad).waiting == 2
    assert AlertTally.objects.get(rule=good).waiting == 0


def test_what_waited_is_told_when_it_can_be_and_the_error_is_gone(service, broken):
    rule = a_rule(service, name="Broken")
    keep_logs(service, a_log(status_code=503))
    tell_matches(now=NOON)
    # Judged well, and still not told.
    keep_logs(service, a_log(status_code=503))
    assert what_is_shown(rule) == SAID

    broken.clear()
    tell_matches(now=NOON + MINUTE)

    assert what_is_shown(rule) == ""
    assert AlertTally.objects.get(rule=rule).waiting == 0
    assert len(errors(rule)) == 1


def test_news_of_other_rules_are_told_and_its_own_are_kept_and_counted(service, broken):
    bad, good = (
        AlertRule.objects.create(service=service, name=name, kind="new_endpoint")
        for name in ("Broken", "Good")
    )
    keep_logs(service, a_log(route="/new", path="/new"), now=NOON)

    assert tell_news(now=NOON) == 1
    kept = AlertEvent.objects.get(rule=bad, kind="news")
    broken.clear()
    tell_news(now=NOON + HOUR)

    assert AlertEvent.objects.get(rule=good, kind="news").is_held is False
    assert (kept.is_held, kept.message) == (True, "Broken: GET /new was called for the first time")
    assert AlertEvent.objects.get(rule=bad, kind="digest").message.startswith("Broken: +1 more")
    assert what_is_shown(bad) == ""


def test_windows_of_other_rules_are_told_and_its_own_is_tried_again(service, broken):
    said = {"measure": "request_count", "direction": "above", "threshold": 0, "window_s": 300}
    bad, good = (a_window_rule(service, name=name, **said) for name in ("Broken", "Good"))
    keep_logs(service, a_log(timestamp=rfc3339(NOON - 2 * MINUTE)), now=NOON)

    judge_windows(now=NOON)
    judge_windows(now=NOON + MINUTE)
    assert AlertEvent.objects.filter(rule=good, kind="firing").count() == 1
    assert not AlertEvent.objects.filter(rule=bad, kind="firing").exists()
    assert (what_is_shown(bad), len(errors(bad))) == (SAID, 1)
    broken.clear()
    judge_windows(now=NOON + 2 * MINUTE)

    assert AlertEvent.objects.filter(rule=bad, kind="firing").count() == 1
    assert what_is_shown(bad) == ""


def test_where_not_even_the_error_can_be_told_the_rule_shows_it(service, monkeypatch):
    def lay_out(notice):
        raise LookupError("no such layout")

    monkeypatch.setattr("monitor.alerts.telling.announcement_of", lay_out)
    rule = a_rule(service, name="Broken")
    keep_logs(service, a_log(status_code=503))

    tell_matches(now=NOON)

    assert what_is_shown(rule) == SAID


def test_a_digest_that_cannot_be_told_holds_up_no_rule_and_is_tried_again(service, monkeypatch):
    NotificationChannel.objects.create(organization=service.organization, kind="email", is_default=True)
    AlertBudget.objects.create(organization=service.organization, hour=NOON - HOUR, told=60, held=7)
    rule = a_window_rule(service)
    monkeypatch.setattr("monitor.alerts.telling.digest_of", lambda budget, *, now: 1 / 0)

    judge_windows(now=NOON)
    monkeypatch.undo()
    assert AlertGroup.objects.filter(rule=rule).exists()
    assert not Notification.objects.exists()
    judge_windows(now=NOON + MINUTE)
    judge_windows(now=NOON + 2 * MINUTE)

    assert "+7 more" in Notification.objects.get(kind="digest").message
