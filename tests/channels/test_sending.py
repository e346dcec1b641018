"""The sender: in order, again by the clock, given up, kept apart; and what is said of channels that fail."""

import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from monitor.channels import Look
from monitor.channels import claim as claim_module
from monitor.channels.claim import claim, lapsed
from monitor.channels.config import opened
from monitor.channels.desk import lapse
from monitor.channels.register import CannotSend, change_channel, retry, send_test
from monitor.channels.results import keep_outcomes
from monitor.channels.schedule import DELAYS, next_delay
from monitor.channels.sending import attempt
from monitor.lib.secrets import seal
from monitor.models import (
    AuditEntry,
    Notification,
    NotificationAttempt,
    NotificationChannel,
    NotificationDelivery,
)
from tests.factories import a_service
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
FAILS = Reply(status=500)


def states(channel=None):
    rows = NotificationDelivery.objects.order_by("id")
    rows = rows.filter(channel=channel) if channel else rows
    return list(rows.values_list("status", flat=True))


def the_delivery():
    return NotificationDelivery.objects.get()


# --- Told once, in the transaction -------------------------------------------------------------------------


def test_what_is_rolled_back_is_not_told(a_channel, happen, receiver, deliver):
    a_channel(url=receiver.url)

    with transaction.atomic():
        happen()
        transaction.set_rollback(True)
    deliver()

    assert not receiver.arrived
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    "details", [{"facts": [["only one"]]}, {"look": {"since": "yesterday"}, "facts": 3}, {"links": None}]
)
def test_what_cannot_be_laid_out_is_a_failed_delivery_and_holds_up_no_other(
    a_channel, happen, receiver, deliver, details
):
    """What an older version kept, say: without this each sweep would break off at it."""
    channel = a_channel(url=receiver.url)
    happen(key="bad")
    Notification.objects.update(details=details)
    happen(key="good")

    deliver()

    bad, good = NotificationDelivery.objects.order_by("id")
    assert (bad.status, good.status) == ("dead", "succeeded")
    assert bad.last_error.startswith("What was kept of this notification cannot be read: ")
    assert NotificationAttempt.objects.get(delivery_id=bad.id).error == bad.last_error
    channel.refresh_from_db()
    assert (channel.failures_in_row, channel.failing_told_at) == (0, None)


def test_a_sender_that_was_killed_over_one_leaves_the_others_what_is_theirs(
    a_channel, happen, receiver, deliver, clock
):
    a_channel(url=receiver.url)
    happen(key="bad")
    claim(free=1, late=1, now=clock())
    Notification.objects.update(details={"facts": [["only one"]]})
    happen(key="good")
    clock.move(minutes=2)

    deliver()
    clock.move(minutes=10)
    deliver()

    assert states() == ["dead", "succeeded"]


def test_what_no_channel_takes_leaves_nothing_behind(a_channel, happen):
    a_channel(subjects=["monitor"])
    a_channel(is_active=False)

    assert happen() == 0

    assert not Notification.objects.exists()


def test_what_was_told_is_not_told_again(a_channel, happen, receiver, deliver):
    a_channel(url=receiver.url)
    happen()

    deliver()
    deliver()

    assert len(receiver.arrived) == 1


# --- Again -------------------------------------------------------------------------------------------------


def test_it_is_tried_again_by_the_clock_and_then_given_up(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    receiver.replies(FAILS)
    happen()

    for delay in DELAYS:
        waits_for = the_delivery().next_attempt_at - clock()
        assert waits_for <= delay * 1.2
        clock.move(seconds=delay.total_seconds() * 1.25)
        deliver()

    assert states() == ["dead"]
    assert len(receiver.arrived) == len(DELAYS)
    numbers = NotificationAttempt.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, len(DELAYS) + 1))
    # The same to those who look: one id in all of them, signed anew.
    assert len({each.headers["webhook-id"] for each in receiver.arrived}) == 1


def test_before_its_time_nothing_is_sent(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    receiver.replies(FAILS)
    happen()
    deliver()

    clock.move(seconds=9)
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(seconds=4)
    deliver()
    assert len(receiver.arrived) == 2


@pytest.mark.parametrize(
    ("attempts", "retry_after", "least_s", "most_s"),
    [(1, None, 10, 12), (1, timedelta(seconds=50), 50, 60), (1, timedelta(days=1), 3600, 4320)],
)
def test_the_wait_is_the_schedules_or_what_is_asked_for_within_an_hour(
    attempts, retry_after, least_s, most_s
):
    least = next_delay(attempts, retry_after=retry_after, draw=lambda: 0.0)
    most = next_delay(attempts, retry_after=retry_after, draw=lambda: 1.0)

    assert (least.total_seconds(), most.total_seconds()) == (least_s, most_s)


def test_retry_after_lets_the_whole_channel_rest(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    receiver.replies(Reply(status=429, headers={"Retry-After": "120"}), Reply())
    happen(key="one")
    deliver()
    happen(key="two")

    clock.move(seconds=110)
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(seconds=60)
    deliver()
    assert states() == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("telegram", b'{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":90}}'),
        ("discord", b'{"message":"You are being rate limited.","retry_after":90.5}'),
    ],
)
def test_a_wait_that_is_asked_for_in_the_body_is_obeyed(
    kind, body, a_channel, happen, receiver, deliver, clock
):
    a_channel(kind, receiver.url)
    receiver.replies(Reply(status=429, body=body), Reply(body=b"{}"))
    happen()
    deliver()

    clock.move(seconds=80)
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(seconds=60)
    deliver()
    assert states() == ["succeeded"]


def test_the_end_of_an_incident_waits_until_its_beginning_was_told(
    a_channel, happen, receiver, deliver, clock
):
    a_channel("pagerduty", receiver.url)
    receiver.replies(FAILS, Reply(status=202))
    happen()
    deliver()
    happen("resolved")
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(seconds=15)
    deliver()

    assert [each.json["event_action"] for each in receiver.arrived] == ["trigger", "trigger", "resolve"]


def test_one_sent_again_by_hand_is_tried_at_once(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    receiver.replies(Reply(status=404), Reply())
    happen()
    deliver()
    assert states() == ["dead"]

    retry(the_delivery(), now=clock())
    deliver()

    assert states() == ["succeeded"]
    assert NotificationAttempt.objects.count() == 2


# --- Apart -------------------------------------------------------------------------------------------------


def test_a_channel_that_hangs_delays_no_other(a_channel, happen, receiver, other_receiver, deliver):
    hanging = a_channel(url=receiver.url, name="hangs")
    quick = a_channel(url=other_receiver.url, name="quick")
    receiver.replies(Reply(after_s=20))
    for number in range(20):
        happen(key=f"incident {number}")

    sending = threading.Thread(target=release_when_told, args=(receiver, other_receiver, 20))
    sending.start()
    began = time.monotonic()
    deliver(slots=4)
    sending.join()

    assert states(quick) == ["succeeded"] * 20
    # All of the quick one's arrived while the first of the other still waited.
    assert other_receiver.arrived[-1].at - began < 15
    assert states(hanging) == ["succeeded"] * 20


def release_when_told(hanging, quick, count):
    """Let the hanging one answer as soon as the quick one has it all."""
    until = time.monotonic() + 15
    while len(quick.arrived) < count and time.monotonic() < until:
        time.sleep(0.02)
    assert len(hanging.arrived) <= 2
    hanging.released.set()


def test_an_attempt_ends_within_its_time(a_channel, happen, receiver, clock):
    a_channel(url=receiver.url)
    receiver.replies(Reply(after_s=30))
    happen()
    (job,) = claim(free=4, late=4, now=clock())

    outcome = attempt(job, now=clock(), timeout_s=0.5)

    assert outcome.error_class == "timeout"
    assert outcome.duration_ms < 5_000


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://169.254.169.254/latest", "not allowed"),
        ("http://10.0.0.7/hook", "not allowed"),
        ("http://127.0.0.1:9/hook", "not allowed"),
        ("https://[::ffff:10.0.0.7]/hook", "not allowed"),
    ],
)
def test_what_the_door_refuses_is_blocked_and_not_tried_again(url, why, a_channel, happen, deliver, settings):
    for kind in ("slack", "webhook", "teams", "discord"):
        channel = a_channel(kind, name=kind)
        # As a row that an older rule let in, or a name that has another address now.
        config = {**channel.config, "url": url}
        NotificationChannel.objects.filter(id=channel.id).update(
            config=config, sealed=sealed_with(channel, url)
        )
    settings.QUICK_START = False
    happen()

    deliver()

    told = NotificationDelivery.objects.filter(notification__subject="alert")
    assert {(each.status, each.attempts, each.last_error) for each in told} == {
        ("blocked", 1, "The target address is not allowed.")
    }
    # For the audit log, without the address: it often is a secret.
    noted = AuditEntry.objects.filter(action="ssrf.blocked")
    assert sorted(noted.values_list("target_label", "note")) == [
        (kind, "") for kind in ("discord", "slack", "teams", "webhook")
    ]


def sealed_with(channel, url):
    return seal(json.dumps({**opened(channel.config, channel.sealed), "url": url}))


@pytest.mark.parametrize("url", ["ntfy://10.0.0.7/topic", "gotify://169.254.169.254/token", "ntfy://[::1]/x"])
def test_apprise_reaches_nothing_that_the_door_refuses(url, a_channel, happen, deliver, settings):
    channel = a_channel("apprise")
    NotificationChannel.objects.filter(id=channel.id).update(sealed=sealed_with(channel, url))
    settings.QUICK_START = False
    happen()

    deliver()

    assert states() == ["blocked"]


# --- Senders that die --------------------------------------------------------------------------------------


def test_what_a_sender_did_not_live_to_tell_is_told_by_another(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    happen()
    (job,) = claim(free=4, late=4, now=clock())
    assert not lapsed(now=clock())

    clock.move(seconds=31)
    (found,) = lapsed(now=clock())
    assert keep_outcomes([lapse(found, now=clock())], now=clock()) == 1
    # The first one comes back after all: it is no longer its to answer for.
    assert keep_outcomes([attempt(job, now=clock())], now=clock()) == 0
    clock.move(seconds=15)
    deliver()

    assert states() == ["succeeded"]
    classes = NotificationAttempt.objects.order_by("number").values_list("number", "error_class")
    assert list(classes) == [(1, "internal"), (2, "")]


def test_a_channel_that_is_removed_meanwhile_is_nobodys(a_channel, happen, receiver, clock):
    channel = a_channel(url=receiver.url)
    happen()
    (job,) = claim(free=4, late=4, now=clock())
    channel.delete()

    assert keep_outcomes([attempt(job, now=clock())], now=clock()) == 0


# --- Channels that fail ------------------------------------------------------------------------------------


def test_a_channel_that_fails_is_said_to_once_on_another(
    a_channel, happen, receiver, other_receiver, deliver
):
    failing = a_channel(url=receiver.url, name="broken")
    a_channel(url=other_receiver.url, name="spare", is_default=True)
    receiver.replies(Reply(status=404))
    for number in range(3):
        happen(key=f"incident {number}")

    deliver()

    [told] = other_receiver.arrived
    assert told.json["type"] == "channel.failing"
    assert "broken" in told.json["data"]["message"]
    assert "404" in told.json["data"]["message"]
    failing.refresh_from_db()
    assert failing.is_failing
    assert failing.failures_in_row == 3

    receiver.replies(Reply())
    happen(key="incident 4")
    deliver()

    assert [each.json["type"] for each in other_receiver.arrived] == ["channel.failing", "channel.recovered"]
    failing.refresh_from_db()
    assert not failing.is_failing


def test_failures_that_may_pass_are_said_when_they_last(
    a_channel, happen, receiver, other_receiver, deliver, clock
):
    a_channel(url=receiver.url)
    a_channel(url=other_receiver.url, is_default=True)
    receiver.replies(FAILS)
    happen()
    for _ in range(3):
        deliver()
        clock.move(minutes=3)
    assert not other_receiver.arrived

    clock.move(minutes=3)
    deliver()

    assert [each.json["type"] for each in other_receiver.arrived] == ["channel.failing"]


def test_channels_that_all_fail_tell_each_other_no_more_than_once(
    a_channel, happen, receiver, deliver, clock
):
    for name in ("a", "b", "c"):
        a_channel(url=receiver.url, name=name)
    receiver.replies(Reply(status=404))
    for number in range(3):
        happen(key=str(number))
        deliver()
        clock.move(hours=1)

    assert Notification.objects.filter(subject="channel").count() <= 2
    assert NotificationChannel.objects.filter(failing_told_at=None).count() == 0


# --- Tests and switches ------------------------------------------------------------------------------------


def test_a_test_is_tried_once_and_closes_what_it_opened(a_channel, receiver, deliver, clock):
    channel = a_channel("pagerduty", receiver.url)

    send_test(channel, sent_by="user:ada", now=clock())
    deliver()

    assert [each.json["event_action"] for each in receiver.arrived] == ["trigger", "resolve"]
    assert receiver.arrived[0].json["payload"]["severity"] == "info"


def test_a_test_that_fails_is_over_and_says_nothing_of_the_channel(a_channel, receiver, deliver, clock):
    channel = a_channel(url=receiver.url)
    receiver.replies(FAILS)

    send_test(channel, sent_by="user:ada", now=clock())
    deliver()

    assert states() == ["dead"]
    channel.refresh_from_db()
    assert not channel.is_failing


def test_a_channel_that_is_off_is_told_nothing_and_what_waited_is_called_off(a_channel, happen, clock):
    channel = a_channel()
    happen()

    channel = change_channel(channel, {"is_active": False}, None, now=clock())

    assert states() == ["cancelled"]
    with pytest.raises(CannotSend):
        send_test(channel, sent_by="user:ada", now=clock())


def test_slow_looks_for_requests_hold_no_lease_up_and_all_is_told(
    a_channel, happen, organization, receiver, deliver, monkeypatch
):
    """Sixteen looks of two seconds each would outlast the leases of what is under way meanwhile."""
    a_channel(url=receiver.url)
    service = a_service(organization=organization)
    looked = []

    def slow(look):
        looked.append(look)
        return []

    monkeypatch.setattr(claim_module, "samples_of", slow)
    # A clock by which each look takes two seconds.
    monkeypatch.setattr(claim_module, "time", SimpleNamespace(monotonic=lambda: 2.0 * len(looked)))
    monkeypatch.setattr(claim_module, "LOOKS_TOGETHER_S", 3.0)
    look = Look(service_id=service.id, since=timezone.now() - timedelta(hours=1), until=timezone.now())
    for number in range(6):
        a_channel(url=receiver.url)
        happen(key=f"rule:{number}", look=look)

    jobs = claim(free=16, late=16, now=timezone.now())

    assert len(jobs) > 5
    assert len(looked) == 2
    assert {job.message.samples for job in jobs} == {()}


def test_a_look_without_work_costs_little(a_channel, django_assert_num_queries, clock):
    a_channel()
    # The claim, its lock, and the savepoint around both.
    with django_assert_num_queries(4):
        assert claim(free=4, late=4, now=clock()) == []
