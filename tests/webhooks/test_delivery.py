"""Deliveries to real receivers: signed, tried again by the clock, given up, and told apart."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from standardwebhooks import WebhookVerificationError

from monitor.events import Draft, hand_over, unpacking
from monitor.lib.secrets import unseal
from monitor.models import (
    AuditEntry,
    Event,
    EventOutbox,
    Organization,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)
from monitor.models.webhooks import Trigger
from monitor.webhooks import endpoints
from monitor.webhooks import sender as sender_module
from monitor.webhooks.again import CannotSend, failed_within, replay_failed, retry, send_test, stop_replays
from monitor.webhooks.claim import LEASE, check_lease, claim, lapsed
from monitor.webhooks.desk import WebhookDesk, lapse
from monitor.webhooks.results import keep_outcomes
from monitor.webhooks.schedule import LIVE
from monitor.webhooks.sender import Sender
from monitor.webhooks.sending import attempt
from tests.factories import an_organization
from tests.lib.servers import serve
from tests.receiver import Reply
from tests.webhooks.test_signing import verify

pytestmark = pytest.mark.django_db
FAILS = Reply(status=500, body=b"no")


def the_delivery():
    return WebhookDelivery.objects.get()


def test_the_official_library_verifies_a_delivery(receiver, an_endpoint, happen, deliver):
    endpoint, secret = an_endpoint(receiver.url, headers={"X-Shop": "acme"})
    event = happen(data={"order": 7})

    deliver()

    [arrived] = receiver.arrived
    told = arrived.verified(secret)
    assert told["type"] == "order.shipped"
    assert told["data"] == {"order": 7}
    assert told["id"] == arrived.headers["webhook-id"] == event.message_id
    assert "." not in event.message_id
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["user-agent"] == "API-Monitor-Webhooks/1.0"
    assert arrived.headers["x-shop"] == "acme"
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.last_status_code) == ("succeeded", 1, 200)
    endpoint.refresh_from_db()
    assert endpoint.last_success_at is not None


def test_a_retry_sends_the_same_bytes_under_the_same_id_with_a_fresh_signature(
    receiver, an_endpoint, happen, deliver, clock
):
    _, secret = an_endpoint(receiver.url)
    receiver.replies(FAILS, Reply())
    happen()

    deliver()
    clock.move(seconds=7)
    deliver()

    first, second = receiver.arrived
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 7
    first.verified(secret)
    second.verified(secret)


def test_it_is_tried_ten_times_over_three_days_and_then_given_up(
    receiver, an_endpoint, happen, deliver, clock
):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(FAILS)
    happen()

    for delay in LIVE:
        waits_for = the_delivery().next_attempt_at - clock()
        assert waits_for <= delay * 1.2
        clock.move(seconds=delay.total_seconds() * 1.25)
        deliver()

    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, len(receiver.arrived)) == ("dead", 10, 10)
    assert delivery.last_error_class == "http_5xx"
    numbers = WebhookAttempt.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 11))
    exhausted = Event.objects.get(type="webhook.delivery.exhausted")
    assert json.loads(exhausted.body)["data"]["endpoint_id"] == str(endpoint.id)
    clock.move(days=2)
    deliver()
    assert len(receiver.arrived) == 10


def test_before_its_time_nothing_is_sent(receiver, an_endpoint, happen, deliver, clock):
    an_endpoint(receiver.url)
    receiver.replies(FAILS)
    happen()
    deliver()

    clock.move(seconds=4)
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(seconds=2.5)
    deliver()
    assert len(receiver.arrived) == 2


@pytest.mark.parametrize(
    ("reply", "error_class"),
    [
        (Reply(status=301, headers={"Location": "http://127.0.0.1:1/"}), "http_3xx"),
        (Reply(status=404), "http_4xx"),
        (Reply(status=503), "http_5xx"),
        (Reply(status=429, headers={"Retry-After": "3600"}), "http_4xx"),
    ],
)
def test_every_class_of_failure_is_counted_and_named(
    receiver, an_endpoint, happen, deliver, reply, error_class
):
    an_endpoint(receiver.url)
    receiver.replies(reply)
    happen()

    deliver()

    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.last_error_class) == ("pending", 1, error_class)
    assert len(receiver.arrived) == 1


def test_a_receiver_that_nobody_runs_is_a_failure_to_connect(an_endpoint, happen, deliver):
    an_endpoint("http://127.0.0.1:9/hook")
    happen()

    deliver()

    assert (the_delivery().last_error_class, the_delivery().attempts) == ("connect", 1)


def test_a_name_that_nobody_knows_is_a_fault_of_names(an_endpoint, happen, deliver):
    an_endpoint("http://nowhere.example/hook")
    happen()

    deliver()

    assert the_delivery().last_error_class == "dns"
    assert the_delivery().status == "pending"


def test_attempts_without_an_answer_are_counted_and_named_and_tell_no_secret(
    receiver, an_endpoint, happen, deliver, clock, monkeypatch, caplog
):
    caplog.set_level("DEBUG")
    monkeypatch.setitem(attempt.__kwdefaults__, "timeout_s", 0.4)
    receiver.reply = lambda arrived: Reply(after_s=20)
    with serve(lambda connection, _: connection.sendall(b"ready\r\n\r\n")) as other:
        made = {
            word: an_endpoint(url, events=("order.*",), headers={"X-Shop": "hunter2hunter2"})
            for word, url in {
                "timeout": receiver.url,
                "protocol": other.url(),
                "tls": receiver.url.replace("http:", "https:"),
            }.items()
        }
        sealed = an_endpoint(receiver.url, events=("order.*",))[0]
        WebhookSecret.objects.filter(endpoint=sealed).update(sealed=b"under a key that was lost")
        happen()
        deliver()
        clock.move(minutes=2)
        deliver()

    found = WebhookDelivery.objects.values_list("endpoint", "last_error_class", "status", "attempts")
    assert set(found) == {
        *((endpoint.id, word, "pending", 2) for word, (endpoint, _) in made.items()),
        (sealed.id, "internal", "pending", 2),
    }
    assert WebhookAttempt.objects.count() == 8
    for secret in ("hunter2", "whsec_", *(secret for _, secret in made.values())):
        assert secret not in caplog.text


def test_nothing_that_is_due_waits_for_longer_than_a_minute(
    receiver, other_receiver, an_endpoint, happen, deliver, clock
):
    """Whatever becomes of attempts and is done meanwhile: no row is left behind with its time in the past."""
    past = {"Retry-After": "Sat, 21 Nov 2020 11:00:00 GMT"}
    replies = [
        FAILS, Reply(status=429, headers=past), Reply(status=503, headers={"Retry-After": "90"}), Reply(),
        Reply(status=302, headers={"Location": "/"}), Reply(status=404), Reply(),
    ]  # fmt: skip
    receiver.reply = lambda arrived: replies[len(receiver.arrived) % len(replies)]
    failing, _ = an_endpoint(receiver.url, events=("order.*",))
    an_endpoint(other_receiver.url, events=("order.*",), rate_limit_per_minute=60)
    an_endpoint(other_receiver.url, events=("order.*", "webhook.*"), mode="test")
    left_behind = WebhookDelivery.objects.exclude(finished_at__isnull=False)

    for turn in range(12):
        happen(mode="test" if turn % 4 == 3 else "live")
        if turn == 4:
            retry(left_behind.filter(endpoint=failing).first(), now=clock())
        if turn == 6:
            claim(free=1, late=1, now=clock())  # By a deliverer that was killed.
        if turn == 8:
            endpoints.change_endpoint(failing, is_active=False, now=clock())
            endpoints.change_endpoint(failing, is_active=True, now=clock())
            replay_failed(failing, since=clock() - timedelta(hours=1), now=clock())
        deliver()
        clock.move(seconds=61)
        deliver()

        assert not left_behind.exclude(next_attempt_at__gt=clock()).exists()
        assert not left_behind.exclude(status="pending").exists()
    assert {*WebhookAttempt.objects.values_list("error_class", flat=True)} >= {"", "http_4xx", "internal"}


def test_retry_after_is_obeyed(receiver, an_endpoint, happen, deliver, clock):
    an_endpoint(receiver.url)
    receiver.replies(Reply(status=429, headers={"Retry-After": "3600"}), Reply())
    happen()
    deliver()

    clock.move(minutes=59)
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(minutes=20)
    deliver()
    assert the_delivery().status == "succeeded"


def test_an_attempt_keeps_what_came_back_without_its_secrets(receiver, an_endpoint, happen, deliver):
    an_endpoint(receiver.url)
    body = json.dumps({"password": "hunter2", "text": "x" * 10_000}).encode()
    headers = {"Set-Cookie": "session=abc", "X-Trace": "7", "Content-Type": "application/json"}
    receiver.replies(Reply(status=500, headers=headers, body=body))
    happen()

    deliver()

    tried = WebhookAttempt.objects.get()
    assert (tried.status_code, tried.error_class, tried.trigger) == (500, "http_5xx", "auto")
    assert (tried.dialled, tried.response_truncated) == ("127.0.0.1", True)
    assert tried.duration_ms > 0
    assert tried.response_headers["X-Trace"] == "7"
    assert "abc" not in json.dumps(tried.response_headers)
    assert "hunter2" not in tried.response_body
    assert len(tried.response_body.encode()) <= 4096


# --- Who is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "hears"),
    [("*", True), ("order.*", True), ("order.shipped", True), ("order.paid", False), ("orders.*", False)],
)
def test_an_endpoint_hears_what_it_enabled(an_endpoint, happen, pattern, hears):
    an_endpoint("https://shop.example/hook", events=(pattern,))

    happen("order.shipped")

    assert WebhookDelivery.objects.exists() is hears


def test_mode_environment_and_organization_keep_endpoints_apart(an_endpoint, happen):
    elsewhere = an_organization()
    an_endpoint("https://live.example/")
    an_endpoint("https://test.example/", mode="test")
    an_endpoint("https://prod.example/", environment="prod")
    an_endpoint("https://others.example/", organization=elsewhere)

    happen(environment="prod")
    happen(environment="dev")
    happen(mode="test")

    told = WebhookDelivery.objects.values_list("endpoint__url", "event__environment", "event__mode")
    assert sorted(told.filter(event__type="order.shipped")) == [
        ("https://live.example/", "dev", "live"),
        ("https://live.example/", "prod", "live"),
        ("https://prod.example/", "prod", "live"),
        ("https://test.example/", "", "test"),
    ]


def test_an_event_that_is_rolled_back_is_told_to_nobody(an_endpoint, happen):
    an_endpoint("https://shop.example/hook")

    with transaction.atomic():
        happen()
        transaction.set_rollback(True)

    assert not Event.objects.filter(type="order.shipped").exists()
    assert not WebhookDelivery.objects.exists()


def test_what_ingestion_hands_over_is_told_exactly_once(receiver, an_endpoint, organization, deliver, clock):
    an_endpoint(receiver.url)
    drafts = [
        Draft(organization_id=organization.id, type="log.error", data={"n": n}, happened_at=clock())
        for n in range(30)
    ]
    hand_over(drafts)

    deliver()
    deliver()

    assert len(receiver.ids) == len(set(receiver.ids)) == 30


# --- Health ------------------------------------------------------------------------------------------------


def test_410_switches_the_endpoint_off_at_once(
    receiver, other_receiver, an_endpoint, happen, deliver, settings
):
    settings.SENDS_MAIL = True
    endpoint, _ = an_endpoint(receiver.url)
    _, secret = an_endpoint(other_receiver.url, events=("webhook.*",))
    receiver.replies(Reply(status=410))
    happen()

    deliver()

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "It answered 410 Gone."
    assert WebhookDelivery.objects.get(event_type="order.shipped").status == "dead"
    disabled = [each for each in other_receiver.arrived if b"webhook.endpoint.disabled" in each.body]
    assert [each.verified(secret)["data"]["endpoint_id"] for each in disabled] == [str(endpoint.id)]
    assert not any(b"webhook.endpoint.disabled" in each.body for each in receiver.arrived)
    # Its owners get one letter, which the worker sends: tests/channels/test_owners.py.
    [letter] = ProcrastinateJob.objects.filter(task_name__endswith="mail_owners")
    assert "410 Gone" in letter.args["text"]
    entry = AuditEntry.objects.get(action="webhook_endpoint.disabled")
    assert (entry.actor_label, entry.organization_id) == ("system: worker", endpoint.organization_id)
    assert (entry.target_id, entry.note) == (str(endpoint.id), "It answered 410 Gone.")


def test_five_days_of_nothing_but_failures_switch_it_off(
    receiver, an_endpoint, happen, deliver, clock, settings
):
    settings.SENDS_MAIL = True
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(FAILS)
    said = []

    for _ in range(11):
        happen()
        deliver()
        said.append(set(Event.objects.filter(type__contains="endpoint").values_list("type", flat=True)))
        clock.move(hours=12)

    failing, disabled = "webhook.endpoint.failing", "webhook.endpoint.disabled"
    assert [failing in each for each in said] == [False] * 2 + [True] * 9
    assert [disabled in each for each in said] == [False] * 10 + [True]
    assert Event.objects.filter(type=failing).count() == 1
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "Nothing was delivered for 5 days."
    # Its owners hear of it while there is time, and when it is too late.
    letters = ProcrastinateJob.objects.filter(task_name__endswith="mail_owners").order_by("id")
    warned, told = [(letter.args["subject"], letter.args["text"]) for letter in letters]
    assert warned[0] == f"Webhooks to {receiver.url} do not arrive"
    assert "attempts failed, the last one with http_5xx" in warned[1]
    assert told[0] == f"Webhooks to {receiver.url} are switched off"


def test_one_success_clears_the_failures(receiver, an_endpoint, happen, deliver, clock):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    receiver.reply = lambda arrived: FAILS if len(receiver.arrived) < 7 else Reply()
    for _ in range(4):
        happen()
        deliver()
        clock.move(hours=20)

    endpoint.refresh_from_db()

    assert (endpoint.first_failure_at, endpoint.failures_in_row) == (None, 0)
    assert Event.objects.filter(type="webhook.delivery.recovered").count() == 1


def test_what_waits_for_an_endpoint_that_is_off_is_offered_when_it_is_on_again(
    receiver, an_endpoint, happen, deliver, clock
):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    began = clock()
    happen()
    endpoints.change_endpoint(endpoint, is_active=False, now=clock())
    happen()

    deliver()
    assert (receiver.arrived, the_delivery().status) == ([], "pending")

    endpoints.change_endpoint(endpoint, is_active=True, now=clock())
    assert failed_within(endpoint.id, since=began).count() == 1
    assert replay_failed(endpoint, since=began, now=clock()) == 1
    deliver()
    assert len(receiver.arrived) == 1


def test_nothing_goes_to_an_endpoint_that_was_removed_with_work_waiting(
    receiver, an_endpoint, happen, deliver, clock
):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(FAILS)
    happen()
    deliver()
    happen()

    endpoints.remove_endpoint(endpoint, now=clock())
    clock.move(hours=1)
    deliver()

    assert len(receiver.arrived) == 1
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"cancelled"}
    assert not endpoint.secrets.exists()


def test_one_that_is_removed_while_it_is_called_is_not_called_again(
    receiver, an_endpoint, happen, deliver, clock
):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(FAILS)
    happen()
    [job] = claim(free=5, late=5, now=clock())
    endpoints.remove_endpoint(endpoint, now=clock())

    keep_outcomes([attempt(job, now=clock())], now=clock())

    assert the_delivery().status == "cancelled"


def test_an_endpoint_that_went_with_its_organization_holds_up_no_other(receiver, an_endpoint, happen, clock):
    elsewhere = an_organization()
    an_endpoint(receiver.url, organization=elsewhere, events=("order.*",))
    an_endpoint(receiver.url, events=("order.*",))
    happen(organization_id=elsewhere.id)
    happen()
    jobs = claim(free=5, late=5, now=clock())
    answered = [attempt(job, now=clock()) for job in jobs]
    elsewhere.delete()

    assert (len(answered), keep_outcomes(answered, now=clock())) == (2, 1)

    assert the_delivery().status == "succeeded"


def test_an_outcome_that_cannot_be_kept_spoils_no_other(receiver, an_endpoint, happen, clock, caplog):
    an_endpoint(receiver.url, events=("order.*",))
    for _ in range(3):
        happen()
    good, bad, also_good = claim(free=5, late=5, now=clock())
    outcomes = [attempt(job, now=clock()) for job in (good, bad, also_good)]
    # PostgreSQL keeps no such text.
    outcomes[1] = replace(outcomes[1], body="\0")
    sender = Sender(WebhookDesk(), slots=1, clock=clock)
    sender._unwritten = outcomes

    sender._write()

    assert sender._unwritten == []
    assert WebhookDelivery.objects.get(id=bad.delivery_id).status == "leased"
    assert WebhookDelivery.objects.filter(status="succeeded").count() == 2
    assert str(bad.delivery_id) in caplog.text


def test_a_round_that_breaks_off_is_followed_by_the_next(monkeypatch, caplog):
    monkeypatch.setattr(sender_module, "RETRY_S", 0.0)
    sender, rounds = Sender(WebhookDesk(), slots=1), []

    def turn():
        rounds.append(len(rounds))
        if len(rounds) == 2:
            sender.stop()
        raise KeyError("nobody foresaw it")

    monkeypatch.setattr(sender, "turn", turn)
    monkeypatch.setattr(sender_module.connection, "close", lambda: None)

    sender.run()

    assert rounds == [0, 1]
    assert "nobody foresaw it" in caplog.text


def test_events_that_cannot_be_unpacked_hold_up_nothing_that_waits_to_be_sent(
    receiver, an_endpoint, happen, deliver, caplog
):
    an_endpoint(receiver.url, events=("order.*",))
    happen()
    EventOutbox.objects.create(packed=b"no events")

    deliver()

    assert the_delivery().status == "succeeded"
    assert "a look for what is to be told broke off" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_events_of_an_organization_that_is_deleted_meanwhile_hold_up_no_others(
    an_endpoint, organization, clock, monkeypatch
):
    gone = an_organization()
    for each in (gone, organization):
        an_endpoint("https://shop.example/hook", organization=each, events=("log.*",))
        hand_over([Draft(organization_id=each.id, type="log.error", data={"n": 7}, happened_at=clock())])
    made = unpacking.event_of

    def event_of(draft):
        if Organization.objects.filter(id=gone.id).exists():
            elsewhere(gone.delete)
        return made(draft)

    monkeypatch.setattr(unpacking, "event_of", event_of)

    assert unpacking.unpack_events(now=clock()) == 2

    told = Event.objects.filter(type="log.error")
    assert list(told.values_list("organization", flat=True)) == [organization.id]
    assert not EventOutbox.objects.exists()


def elsewhere(act):
    """Runs it on a connection of its own."""

    def run():
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


# --- Leases ------------------------------------------------------------------------------------------------


def test_a_lease_that_could_end_before_its_attempt_stops_the_start():
    check_lease()
    with pytest.raises(ValueError, match="too short"):
        check_lease(lease=timedelta(seconds=20))


def test_what_a_killed_deliverer_left_is_tried_exactly_once_more(
    receiver, an_endpoint, happen, deliver, clock
):
    an_endpoint(receiver.url, events=("order.*",))
    happen()
    [job] = claim(free=5, late=5, now=clock())
    attempt(job, now=clock())  # It was sent, and its deliverer was killed before it could say so.

    deliver()
    assert (len(receiver.arrived), lapsed(now=clock())) == (1, [])
    clock.move(seconds=LEASE.total_seconds() + 1)
    deliver()
    clock.move(seconds=10)
    deliver()
    clock.move(hours=1)
    deliver()

    assert len(receiver.arrived) == 2
    assert (the_delivery().status, the_delivery().attempts) == ("succeeded", 2)
    first, second = WebhookAttempt.objects.order_by("number")
    assert (first.error_class, second.error_class) == ("internal", "")


def test_an_answer_that_comes_after_the_lease_changes_nothing(receiver, an_endpoint, happen, clock):
    an_endpoint(receiver.url, events=("order.*",))
    happen()
    [job] = claim(free=5, late=5, now=clock())
    answered = attempt(job, now=clock())
    clock.move(seconds=LEASE.total_seconds() + 1)
    keep_outcomes([lapse(late, now=clock()) for late in lapsed(now=clock())], now=clock())

    assert keep_outcomes([answered], now=clock()) == 0

    assert the_delivery().status == "pending"
    assert WebhookAttempt.objects.count() == 1


def test_nothing_is_overdue_for_a_minute_whatever_became_of_those_before_it(
    receiver, other_receiver, an_endpoint, happen, deliver, clock
):
    """Receivers that answer, fail, ask to be let alone, are gone or off, and a deliverer that was killed."""
    for url in (receiver.url, other_receiver.url, "http://127.0.0.1:9/", "http://10.0.0.7/"):
        an_endpoint(url, events=("order.*",))
    gone, _ = an_endpoint(receiver.url, events=("order.*",))
    off, _ = an_endpoint(receiver.url, events=("order.*",))
    other_receiver.replies(
        FAILS, Reply(status=429, headers={"Retry-After": "40"}), Reply(status=302), Reply(status=503), Reply()
    )
    happen()
    endpoints.change_endpoint(off, is_active=False, now=clock())
    claim(free=3, late=3, now=clock())  # Killed with these in its hands.
    deliver()
    endpoints.remove_endpoint(gone, now=clock())

    for _ in range(3):
        clock.move(minutes=40)
        happen()
        deliver()
        overdue = WebhookDelivery.objects.filter(
            Q(status="pending", next_attempt_at__lt=clock() - timedelta(minutes=1))
            | Q(status="leased", lease_until__lt=clock() - timedelta(minutes=1))
        )
        assert not overdue.exclude(endpoint=off).exists()

    # What waits for one that is off waits until it is on.
    assert overdue.filter(endpoint=off).count() == 1
    assert not overdue.filter(endpoint=gone).exists()


# --- Isolation ---------------------------------------------------------------------------------------------


def test_at_most_ten_are_under_way_to_one_endpoint_and_two_when_it_was_too_slow(an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    other, _ = an_endpoint("https://other.example/hook", events=("order.*",))
    for _ in range(15):
        happen()

    jobs = claim(free=64, late=64, now=clock())
    assert sorted(job.endpoint_id for job in jobs) == sorted([endpoint.id] * 10 + [other.id] * 10)
    assert claim(free=64, late=64, now=clock()) == []

    WebhookDelivery.objects.update(status="pending")
    WebhookEndpoint.objects.filter(id=endpoint.id).update(last_error_class="timeout")
    jobs = claim(free=64, late=64, now=clock())
    assert len([job for job in jobs if job.endpoint_id == endpoint.id]) == 2


def test_what_failed_for_long_leaves_slots_to_what_is_new(an_endpoint, happen, clock):
    an_endpoint("https://old.example/hook", events=("old.*",))
    an_endpoint("https://new.example/hook", events=("new.*",))
    for _ in range(8):
        happen("old.news")
    WebhookDelivery.objects.update(steps=5)
    clock.move(seconds=1)
    for _ in range(8):
        happen("new.news")

    jobs = claim(free=10, late=4, now=clock())

    assert sorted(job.event_type for job in jobs) == ["new.news"] * 6 + ["old.news"] * 4
    assert {job.event_type for job in claim(free=10, late=0, now=clock())} == {"new.news"}


def test_a_rate_limit_spreads_deliveries(an_endpoint, happen, clock):
    an_endpoint("https://shop.example/hook", events=("order.*",), rate_limit_per_minute=120)
    for _ in range(9):
        happen()
    begin, sent = clock(), []

    for tenths in range(0, 41):
        jobs = claim(free=64, late=64, now=begin + timedelta(seconds=tenths / 10))
        sent += [tenths / 10] * len(jobs)

    # Two at once after a pause, then one each half second.
    assert sent == [0, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]


# --- Secrets -----------------------------------------------------------------------------------------------


def test_two_secrets_sign_until_the_overlap_ends(receiver, an_endpoint, happen, deliver, clock):
    endpoint, old = an_endpoint(receiver.url, events=("order.*",))
    new = endpoints.rotate_secret(endpoint, overlap=timedelta(hours=1), now=clock())

    happen()
    deliver()
    receiver.arrived[0].verified(old)
    receiver.arrived[0].verified(new)

    clock.move(hours=2)
    happen()
    deliver()
    # The library holds the clock against its own: the moved clock is ahead of it.
    assert receiver.arrived[1].headers["webhook-signature"].count("v1,") == 1


def test_a_secret_that_leaked_stops_signing_at_once(receiver, an_endpoint, happen, deliver, clock):
    endpoint, old = an_endpoint(receiver.url, events=("order.*",))
    new = endpoints.rotate_secret(endpoint, overlap=timedelta(0), now=clock())

    happen()
    deliver()

    receiver.arrived[0].verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.arrived[0].verified(old)
    assert endpoint.secrets.count() == 1


def test_no_more_than_two_old_secrets_sign(an_endpoint, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    for _ in range(4):
        clock.move(seconds=1)
        endpoints.rotate_secret(endpoint, overlap=timedelta(days=7), now=clock())

    assert endpoint.secrets.count() == 3


def test_a_secret_and_a_header_are_sealed_in_the_database(an_endpoint):
    endpoint, secret = an_endpoint("https://shop.example/hook", headers={"X-Token": "hunter2"})

    kept = bytes(endpoint.secrets.get().sealed) + bytes(endpoint.sealed_headers)

    assert secret.removeprefix("whsec_").encode() not in kept
    assert b"hunter2" not in kept


# --- Again -------------------------------------------------------------------------------------------------


def test_a_retry_by_hand_uses_none_of_the_schedule_up(receiver, an_endpoint, happen, deliver, clock):
    an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(FAILS)
    happen()
    deliver()
    due = the_delivery().next_attempt_at

    retry(the_delivery(), now=clock())
    deliver()

    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.steps) == ("pending", 2, 1)
    assert delivery.next_attempt_at == due
    assert delivery.trigger == Trigger.AUTO
    assert receiver.ids[0] == receiver.ids[1]


def test_one_that_was_given_up_is_sent_again_by_hand_once(receiver, an_endpoint, happen, deliver, clock):
    an_endpoint(receiver.url, events=("order.*",), mode="test")
    receiver.replies(FAILS, FAILS, FAILS, FAILS, Reply())
    happen(mode="test")
    for _ in range(3):
        deliver()
        clock.move(minutes=10)
    assert the_delivery().status == "dead"

    retry(the_delivery(), now=clock())
    deliver()
    assert (the_delivery().status, the_delivery().attempts) == ("dead", 4)
    assert Event.objects.filter(type="webhook.delivery.exhausted").count() == 1

    retry(the_delivery(), now=clock())
    deliver()
    assert (the_delivery().status, the_delivery().attempts) == ("succeeded", 5)


def test_what_is_being_sent_cannot_be_sent_again(an_endpoint, happen, clock):
    an_endpoint("https://shop.example/hook", events=("order.*",))
    happen()
    claim(free=1, late=1, now=clock())

    with pytest.raises(CannotSend, match="being sent"):
        retry(the_delivery(), now=clock())


def test_failed_deliveries_are_sent_again_once_however_often_one_asks(
    receiver, an_endpoint, happen, deliver, clock
):
    endpoint, _ = an_endpoint(receiver.url, events=("order.*",), mode="test")
    began = clock()
    receiver.replies(FAILS)
    for _ in range(5):
        happen(mode="test")
    for _ in range(3):
        deliver()
        clock.move(minutes=10)
    known = set(receiver.ids)
    receiver.arrived.clear()
    receiver.replies(Reply())

    assert replay_failed(endpoint, since=began, now=clock()) == 5
    assert replay_failed(endpoint, since=began, now=clock()) == 0
    deliver()

    assert set(receiver.ids) == known
    assert len(receiver.ids) == 5
    assert replay_failed(endpoint, since=began, now=clock()) == 0


def test_what_failed_once_more_is_sent_again_once_more_and_not_twice(an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    began = clock()
    happen()

    for round_ in (1, 2, 3):
        WebhookDelivery.objects.update(status="dead")
        assert replay_failed(endpoint, since=began, now=clock()) == 1
        assert WebhookDelivery.objects.filter(status="pending").count() == 1
        assert WebhookDelivery.objects.count() == round_ + 1


def test_sending_again_can_be_stopped(an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    began = clock()
    for _ in range(3):
        happen()
    WebhookDelivery.objects.update(status="dead")
    replay_failed(endpoint, since=began, now=clock())
    [taken] = claim(free=1, late=1, now=clock())

    assert stop_replays(endpoint, now=clock()) == 2

    assert WebhookDelivery.objects.get(id=taken.delivery_id).status == "leased"
    # What was stopped may be asked for again.
    assert failed_within(endpoint.id, since=began).exclude(replay_of=None).count() == 2


def test_a_test_is_one_attempt_that_says_nothing_of_the_endpoints_health(
    receiver, an_endpoint, deliver, clock
):
    endpoint, secret = an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(Reply(), FAILS)

    send_test(endpoint, sent_by="user:ada", now=clock())
    deliver()
    send_test(endpoint, sent_by="user:ada", now=clock())
    deliver()
    clock.move(days=1)
    deliver()

    assert [each.verified(secret)["type"] for each in receiver.arrived[:1]] == ["test.ping"]
    assert len(receiver.arrived) == 2
    assert sorted(WebhookDelivery.objects.values_list("status", flat=True)) == ["dead", "succeeded"]
    endpoint.refresh_from_db()
    assert endpoint.first_failure_at is None


def test_a_public_key_verifies_a_delivery_and_the_private_one_is_sealed(
    receiver, an_endpoint, happen, deliver
):
    endpoint, public_key = an_endpoint(receiver.url, signature="v1a")
    happen(data={"order": 7})

    deliver()

    [arrived] = receiver.arrived
    assert public_key == endpoint.public_key
    verify(public_key, arrived.headers, arrived.body)
    (sealed,) = WebhookSecret.objects.values_list("sealed", flat=True)
    assert unseal(sealed).startswith("whsk_")
    assert b"whsk_" not in bytes(sealed)


def test_a_change_to_a_key_pair_lets_holders_of_the_secret_verify_until_it_ends(
    receiver, an_endpoint, happen, deliver
):
    endpoint, secret = an_endpoint(receiver.url)
    endpoint = endpoints.change_endpoint(endpoint, signature="v1a", now=timezone.now())
    assert endpoint.public_key == ""
    public_key = endpoints.rotate_secret(endpoint, overlap=timedelta(hours=1), now=timezone.now())
    happen()

    deliver()

    [arrived] = receiver.arrived
    verify(public_key, arrived.headers, arrived.body)
    assert arrived.verified(secret)
