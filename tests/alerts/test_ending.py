"""What was told to have begun is told to be over, whoever ends it. The clock is given."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.alerts import rounds
from monitor.alerts.ending import remove_rule
from monitor.alerts.groups import FORGOTTEN_AFTER
from monitor.alerts.rounds import judge_windows
from monitor.channels.register import make_channel
from monitor.models import AlertGroup, AlertRule, Event, Notification, NotificationChannel
from monitor.services import remove_service
from monitor.services.purge import purge
from tests.factories import a_client, a_log, a_service, a_user, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    made = a_service(name="orders")
    channel = NotificationChannel(organization=made.organization, kind="email", name="ops")
    make_channel(channel, {"to": ["ops@shop.example"]})
    return made


@pytest.fixture
def admin(service):
    return a_client(user=a_user(service.organization, "admin"))


def fires(service, **fields):
    rule = a_window_rule(service, name="Slow", **fields)
    now = timezone.now()
    keep_logs(service, a_log(timestamp=rfc3339(now - 2 * MINUTE), consumer="acme"), now=now)
    judge_windows(now=now)
    return rule


def said_to_be_over():
    """To people and to programs, with whether it is what began."""
    began = Notification.objects.get(kind="firing")
    over = Notification.objects.filter(kind="resolved")
    events = [json.loads(event.body)["data"] for event in Event.objects.filter(type="alert.resolved")]
    assert {each.key for each in over} | {each["incident"] for each in events} <= {began.key}
    assert [each["message"] for each in events] == [each.message for each in over]
    return [each.message for each in over]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"threshold": 50}, "changed"),
        ({"is_active": False}, "paused"),
        ({"is_active": False, "name": "Slow"}, "paused"),
    ],
)
def test_a_change_or_a_pause_ends_what_was_told(service, admin, change, why):
    rule = fires(service, per="consumer")

    answer = admin.patch(f"/v1/alerts/{rule.id}", change, content_type="application/json")

    assert answer.status_code == 200
    assert said_to_be_over() == [f"Slow for acme is over: the rule was {why}"]
    assert not AlertGroup.objects.exists()


def test_the_page_and_a_removal_do_so_too(service, admin):
    rule = fires(service)
    admin.post(f"/alerts-ui/{rule.id}/pause", {"is_active": "false"})
    assert said_to_be_over() == ["Slow is over: the rule was paused"]
    Notification.objects.all().delete()
    Event.objects.all().delete()
    AlertRule.objects.all().delete()

    remove_rule(fires(service), now=timezone.now())

    assert said_to_be_over() == ["Slow is over: the rule was removed"]


@pytest.mark.parametrize("change", [{"name": "Slow", "threshold": 0}, {"notes": "look there"}, {"for_s": 60}])
def test_what_asks_the_same_goes_on(service, admin, change):
    rule = fires(service)

    answer = admin.patch(f"/v1/alerts/{rule.id}", change, content_type="application/json")

    assert answer.status_code == 200
    assert AlertGroup.objects.get(rule=rule).state == "firing"
    assert said_to_be_over() == []


def test_a_service_that_is_removed_ends_what_its_rules_told_once_each(service, admin):
    fires(service, per="consumer")
    calm = a_window_rule(service, name="Calm", threshold=10**9)
    elsewhere = a_window_rule(a_service(service.organization), name="Other")

    answer = admin.delete(f"/v1/services/{service.id}")
    judge_windows(now=timezone.now() + MINUTE)
    purge(service.id)

    assert answer.status_code == 204
    assert said_to_be_over() == ["Slow for acme is over: its service was removed"]
    assert list(AlertRule.objects.exclude(id=calm.id)) == [elsewhere]


def test_a_round_that_was_judging_meanwhile_opens_nothing_of_what_was_removed(service, monkeypatch):
    told = rounds.keep_changes

    def after_it_is_removed(changes, *, now):
        remove_service(service, now=now)
        return told(changes, now=now)

    monkeypatch.setattr(rounds, "keep_changes", after_it_is_removed)
    fires(service)

    assert not AlertGroup.objects.exists()
    assert not Notification.objects.exists()


def test_what_nobody_was_told_of_ends_in_silence(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 0
    rule = fires(service)

    remove_rule(rule, now=timezone.now())

    assert not Notification.objects.exists()
    assert not Event.objects.filter(type__startswith="alert.").exists()


def test_a_group_that_is_forgotten_ends(service):
    said = {"kind": "absence", "measure": "", "direction": "", "threshold": None, "window_s": 60}
    rule = a_window_rule(service, name="Gone", per="consumer", **said)
    AlertRule.objects.update(created_at=NOON - timedelta(hours=1))
    keep_logs(service, a_log(timestamp=rfc3339(NOON - MINUTE / 2), consumer="acme"), now=NOON)
    judge_windows(now=NOON)
    judge_windows(now=NOON + 2 * MINUTE)
    assert AlertGroup.objects.get(rule=rule).state == "firing"

    judge_windows(now=NOON + FORGOTTEN_AFTER + 2 * MINUTE)

    assert said_to_be_over() == ["Gone for acme is over: no requests for 7 days"]
