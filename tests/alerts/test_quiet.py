"""What is told, how often, and what keeps it back. The clock is given."""

from datetime import timedelta

import pytest

from monitor.alerts.quiet import acknowledge
from monitor.alerts.rounds import judge_windows
from monitor.alerts.telling import tell_digests
from monitor.models import AlertBudget, AlertEvent, AlertGroup, AlertSilence
from tests.factories import a_log, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return a_service(name="orders")


def send(service, minute, **fields):
    """A request in the minute before this one."""
    at = NOON + (minute - 1) * MINUTE
    keep_logs(service, a_log(timestamp=rfc3339(at), **fields), now=at + MINUTE)


def judge(rule, *minutes):
    """What was told until then, as kinds with their minutes."""
    for minute in minutes:
        judge_windows(now=NOON + minute * MINUTE)
    events = AlertEvent.objects.filter(rule=rule).order_by("id")
    return [(event.kind, (event.triggered_at - NOON) // MINUTE) for event in events]


def silence(of, minutes, *, start=0, **parts):
    return AlertSilence.objects.create(
        organization=of.organization,
        starts_at=NOON + start * MINUTE,
        ends_at=NOON + (start + minutes) * MINUTE,
        created_by="tests",
        **parts,
    )


# --- Cooldown and reminders --------------------------------------------------------------------------------


def test_what_fires_again_within_the_cooldown_is_not_told_again(service):
    rule = a_window_rule(service, window_s=60, cooldown_s=600)
    for minute in (0, 2):
        send(service, minute)

    assert judge(rule, 0, 1, 2, 3) == [("firing", 0), ("resolved", 1)]


def test_what_still_fires_when_the_cooldown_is_over_is_told_then(service):
    rule = a_window_rule(service, window_s=60, cooldown_s=300)
    for minute in (0, *range(2, 8)):
        send(service, minute)

    assert judge(rule, *range(8)) == [("firing", 0), ("resolved", 1), ("firing", 5)]


def test_what_goes_on_is_told_again_as_often_as_asked(service):
    rule = a_window_rule(service, window_s=600, remind_s=180)
    send(service, 0)

    assert judge(rule, *range(8)) == [("firing", 0), ("reminder", 3), ("reminder", 6)]


def test_an_acknowledgement_keeps_reminders_back_and_its_end_is_one(service):
    rule = a_window_rule(service, window_s=900, remind_s=120)
    send(service, 0)
    judge(rule, 0, 1)

    acknowledge(rule, group=None, until=NOON + 7 * MINUTE, by="user:ada")

    assert judge(rule, *range(2, 9)) == [("firing", 0), ("reminder", 7)]
    assert AlertGroup.objects.get().acknowledged_until is None


def test_an_acknowledgement_ends_with_its_incident(service):
    rule = a_window_rule(service, window_s=60, cooldown_s=0, remind_s=60)
    send(service, 0)
    judge(rule, 0)
    acknowledge(rule, group=None, until=NOON + timedelta(days=1), by="user:ada")

    judge(rule, 1)
    send(service, 2)
    send(service, 3)

    assert judge(rule, 2, 3) == [("firing", 0), ("resolved", 1), ("firing", 2), ("reminder", 3)]


def test_only_open_incidents_can_be_acknowledged(service):
    rule = a_window_rule(service, per="consumer")
    send(service, 0, consumer="acme")
    judge(rule, 0)

    assert acknowledge(rule, group="nobody", until=NOON + MINUTE, by="user:ada") == 0
    assert acknowledge(rule, group="acme", until=NOON + MINUTE, by="user:ada") == 1


# --- Silences ----------------------------------------------------------------------------------------------


def test_what_is_silenced_is_judged_and_not_told(service):
    rule = a_window_rule(service, window_s=120)
    send(service, 0)
    silence(service, 60)

    assert judge(rule, 0) == []
    assert AlertGroup.objects.get().state == "muted"
    assert judge(rule, 5) == []
    assert AlertGroup.objects.get().state == "resolved"


def test_what_still_fires_when_the_silence_ends_is_told_then(service):
    rule = a_window_rule(service, window_s=1200)
    send(service, 0)
    silence(service, 3)

    assert judge(rule, 0, 2, 3, 4) == [("firing", 3)]


def test_maintenance_begins_when_it_says(service):
    rule = a_window_rule(service, window_s=60, cooldown_s=0)
    silence(service, 10, start=5)
    for minute in (0, 6):
        send(service, minute)

    assert judge(rule, 0, 1, 6) == [("firing", 0), ("resolved", 1)]


@pytest.mark.parametrize(
    ("parts", "is_silenced"),
    [
        ({}, True),
        ({"severity": "critical"}, True),
        ({"severity": "info"}, False),
        ({"group": "acme"}, True),
        ({"group": "ac*"}, True),
        ({"group": "other*"}, False),
        ({"severity": "critical", "group": "other"}, False),
    ],
)
def test_a_silence_matches_what_all_its_parts_match(service, parts, is_silenced):
    rule = a_window_rule(service, per="consumer", severity="critical")
    send(service, 0, consumer="acme")
    silence(service, 10, **parts)

    assert judge(rule, 0) == ([] if is_silenced else [("firing", 0)])


def test_a_silence_of_another_rule_service_or_organization_silences_nothing(service):
    rule, other = a_window_rule(service), a_window_rule(service)
    send(service, 0)
    silence(service, 10, rule=other)
    silence(service, 10, service=a_service(service.organization))
    silence(a_service(), 10)

    assert judge(rule, 0) == [("firing", 0)]
    assert judge(other) == []


# --- The budget --------------------------------------------------------------------------------------------


def test_beyond_the_budget_of_an_hour_notices_are_held_back_and_told_as_one(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 2
    send(service, 0)
    for _ in range(5):
        a_window_rule(service)

    judge_windows(now=NOON)

    assert AlertEvent.objects.filter(is_held=False).count() == 2
    assert AlertEvent.objects.filter(is_held=True).count() == 3
    assert tell_digests(now=NOON + 59 * MINUTE) == 0
    assert tell_digests(now=NOON + 60 * MINUTE) == 1
    assert tell_digests(now=NOON + 61 * MINUTE) == 0
    assert AlertBudget.objects.get(hour=NOON).held == 3


def test_the_next_hour_has_a_budget_of_its_own_and_so_has_each_organization(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 1
    foreign = a_service()
    first, other = a_window_rule(service, window_s=60, cooldown_s=0), a_window_rule(foreign)
    send(service, 0)
    send(foreign, 0)
    assert judge(first, 0) == [("firing", 0)]
    assert judge(other) == [("firing", 0)]
    send(service, 61)

    judge(first, 1, 61)

    told = AlertEvent.objects.filter(rule=first, is_held=False).order_by("id")
    assert [event.kind for event in told] == ["firing", "firing"]
