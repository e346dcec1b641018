"""From a real rule and a real monitor to what arrives, with the numbers and the requests."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from monitor.alerts.matches import tell_matches
from monitor.alerts.news import tell_news
from monitor.alerts.rounds import judge_windows
from monitor.metrics.tiles import floor
from monitor.models import AlertRule, NotificationDelivery, RequestLog
from monitor.probing import Outcome
from tests.factories import a_client, a_log, a_rule, a_service, a_user, a_window_rule, keep_logs
from tests.monitors.scenes import a_monitor, check
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
OK, FAILED = Outcome.OK, Outcome.FAILED


def this_minute() -> datetime:
    """The last one whose round, at its second 12, is behind us: what is told ahead of the clock waits."""
    return floor(timezone.now() - timedelta(seconds=12), MINUTE)


def test_a_rule_that_fires_and_resolves_is_told_with_its_value_and_three_masked_requests(
    organization, a_channel, receiver, deliver, settings
):
    a_channel(url=receiver.url)
    service = a_service(organization, name="checkout")
    rule = a_window_rule(
        service, name="slow", measure="p95_latency", threshold=800.0, severity="critical", window_s=300,
        runbook_url="https://wiki.example/slow", cooldown_s=0,
    )  # fmt: skip
    now = this_minute()
    logs = [
        a_log(
            path=f"/orders/{number}",
            url=f"https://shop.example/orders/{number}?token=hunter2",
            latency_ms=900.0 + number,
            timestamp=(now - 2 * MINUTE).timestamp(),
        )
        for number in range(10)
    ]
    keep_logs(service, *logs, now=now)

    judge_windows(now=now + timedelta(seconds=12))
    deliver()

    [fired] = receiver.arrived
    told = fired.json
    assert told["type"] == "alert.firing"
    assert told["data"]["facts"]["Value"] == "909 ms"
    assert told["data"]["facts"]["Threshold"] == "above 800 ms"
    assert told["data"]["facts"]["Window"].startswith("5 min, ")
    assert told["data"]["links"]["Runbook"] == "https://wiki.example/slow"
    assert [sample["path"] for sample in told["data"]["samples"]] == ["/orders/9", "/orders/8", "/orders/7"]
    assert b"hunter2" not in fired.body
    asked = parse_qs(urlsplit(told["data"]["links"]["Requests"]).query)
    assert asked["service_id"] == [str(service.id)]
    assert asked["min_latency_ms"] == ["800"]
    # The link opens the explorer on those very requests.
    page = a_client(user=a_user(organization)).get(
        told["data"]["links"]["Requests"].removeprefix(settings.PUBLIC_URL)
    )
    assert b"/orders/9" in page.content

    later = now + 10 * MINUTE
    keep_logs(service, a_log(latency_ms=5.0, timestamp=(later - MINUTE).timestamp()), now=later)
    judge_windows(now=later + timedelta(seconds=12))
    NotificationDelivery.objects.update(next_attempt_at=timezone.now())
    deliver()

    assert [each.json["type"] for each in receiver.arrived] == ["alert.firing", "alert.resolved"]
    assert receiver.arrived[1].json["data"]["incident"] == told["data"]["incident"]
    assert rule.name in receiver.arrived[1].json["data"]["title"]


def test_the_group_of_a_rule_narrows_the_requests_and_the_link(organization, a_channel, receiver, deliver):
    a_channel(url=receiver.url)
    service = a_service(organization)
    a_window_rule(service, per="consumer", measure="error_count", threshold=0)
    now = this_minute()
    at = {"timestamp": (now - 2 * MINUTE).timestamp()}
    keep_logs(
        service,
        a_log(consumer="acme", status_code=500, path="/mine", **at),
        a_log(consumer="other", path="/fine", **at),
        now=now,
    )

    judge_windows(now=now + timedelta(seconds=12))
    deliver()

    [fired] = receiver.arrived
    data = fired.json["data"]
    assert data["facts"]["Consumer"] == "acme"
    assert [sample["path"] for sample in data["samples"]] == ["/mine"]
    assert parse_qs(urlsplit(data["links"]["Requests"]).query)["consumer"] == ["acme"]


def test_a_request_that_matches_and_an_endpoint_that_is_new_are_told_with_what_they_are_of(
    organization, a_channel, receiver, deliver, settings
):
    a_channel(url=receiver.url)
    service = a_service(organization, name="checkout")
    a_rule(service, name="Server errors")
    AlertRule.objects.create(service=service, name="Unknown paths", kind="new_endpoint")
    keep_logs(service, a_log(status_code=503, route="/orders/{id}"))

    tell_matches(now=timezone.now())
    tell_news(now=timezone.now())
    deliver()

    matched, new = sorted((each.json["data"] for each in receiver.arrived), key=lambda data: data["title"])
    assert matched["title"] == "Matched: Server errors"
    assert matched["links"]["Request"] == f"{settings.PUBLIC_URL}/log/{RequestLog.objects.get().id}"
    assert (new["title"], new["facts"]["New"]) == (
        "New: Unknown paths (GET /orders/{id})",
        "GET /orders/{id}",
    )


def test_beyond_the_budget_channels_hear_a_digest_and_ends_of_what_they_heard_of(
    organization, a_channel, receiver, deliver, settings
):
    settings.ALERT_NOTICES_AN_HOUR = 1
    a_channel(url=receiver.url)
    service = a_service(organization)
    for _ in range(3):
        a_window_rule(service, cooldown_s=0)
    now = this_minute()
    keep_logs(service, a_log(timestamp=(now - 2 * MINUTE).timestamp()), now=now)

    for step in (timedelta(), 20 * MINUTE, timedelta(hours=2)):
        judge_windows(now=now + step + timedelta(seconds=12))
    NotificationDelivery.objects.update(next_attempt_at=timezone.now())
    deliver()

    said = [each.json["type"] for each in receiver.arrived]
    assert said.count("alert.firing") == 1
    assert said.count("alert.resolved") == 1
    assert said.count("alert.digest") >= 1


def test_a_monitor_that_goes_down_and_comes_back_is_told_with_its_target_and_outage(
    organization, a_channel, receiver, deliver
):
    a_channel("pagerduty", receiver.url)
    service = a_service(organization)
    monitor = a_monitor(organization, name="shop", service=service)
    now = timezone.now() - timedelta(minutes=10)
    keep_logs(
        service,
        a_log(path="/broken", status_code=503, timestamp=now.timestamp()),
        a_log(path="/fine", timestamp=now.timestamp()),
        now=now,
    )
    check(monitor, OK, at=now)

    check(monitor, FAILED, at=now + MINUTE)
    check(monitor, OK, at=now + 3 * MINUTE)
    deliver()

    down, up = (each.json for each in receiver.arrived)
    assert (down["event_action"], up["event_action"]) == ("trigger", "resolve")
    assert down["dedup_key"] == up["dedup_key"] == f"monitor:{monitor.id}"
    assert down["payload"]["severity"] == "critical"
    assert down["payload"]["summary"].startswith("Down: shop")
    assert "/broken" in down["payload"]["custom_details"]["Request 1"]
    assert "Request 2" not in down["payload"]["custom_details"]


def test_the_next_outage_of_a_monitor_is_an_incident_of_its_own(organization, a_channel, receiver, deliver):
    a_channel(url=receiver.url)
    monitor = a_monitor(organization)
    now = timezone.now() - timedelta(minutes=30)
    for minute, outcome in enumerate([OK, FAILED, OK, FAILED, OK]):
        check(monitor, outcome, at=now + minute * MINUTE)
        deliver()

    said = [each.json["type"].removeprefix("monitor.") for each in receiver.arrived]
    assert said[:3] == ["down", "up", "down"]
    ups = [each.json["data"] for each in receiver.arrived if each.json["type"] == "monitor.up"]
    assert [up["facts"]["Down for"] for up in ups][:1] == ["1 min"]


def test_an_operator_of_another_organization_hears_nothing(a_channel, receiver, deliver):
    a_channel(url=receiver.url)
    monitor = a_monitor()

    check(monitor, OK, at=timezone.now())
    check(monitor, FAILED, at=timezone.now())
    deliver()

    assert not receiver.arrived


def test_the_page_of_a_rule_says_which_channels_were_told_and_with_what_result(
    organization, a_channel, receiver, other_receiver, deliver
):
    a_channel(url=receiver.url, name="on call")
    a_channel(url=other_receiver.url, name="old <hook>")
    other_receiver.replies(Reply(status=404))
    service = a_service(organization, name="checkout")
    rule, calm = [
        a_window_rule(service, name=name, measure="error_count", threshold=above, window_s=300)
        for name, above in (("failing", 0.0), ("calm", 1000.0))
    ]
    now = this_minute()
    keep_logs(service, a_log(status_code=503, timestamp=(now - 2 * MINUTE).timestamp()), now=now)
    judge_windows(now=now + timedelta(seconds=12))
    reader = a_client(user=a_user(organization))

    waiting = told_on(reader, rule)
    deliver()

    assert waiting.count("Waiting") == 2
    told = told_on(reader, rule)
    good, bad = sorted(told.split("<tr data-row>")[1:], key=lambda row: "404" in row)
    assert "on call" in good
    assert "Told" in good
    assert "old &lt;hook&gt;" in bad
    assert "Given up" in bad
    assert "Firing: failing" in bad
    assert "No channel was told" in told_on(reader, calm)


def told_on(reader, rule):
    page = reader.get(f"/alerts-ui/{rule.id}").content.decode()
    return page.partition('id="told"')[2].partition("</section>")[0]


def test_fault_8_a_notice_that_did_not_arrive_is_tried_again_and_one_that_never_could_is_not(
    organization, a_channel, receiver, deliver, clock
):
    """The peers write a failed notice to their log, and that was it."""
    a_channel(url=receiver.url)
    monitor = a_monitor(organization, name="shop")
    check(monitor, OK, at=timezone.now() - 2 * MINUTE)
    receiver.replies(Reply(status=503), Reply(status=200))

    check(monitor, FAILED, at=timezone.now() - MINUTE)
    deliver()
    assert NotificationDelivery.objects.get().status == "pending"
    clock.move(hours=1)
    deliver()

    first, second = receiver.arrived
    assert NotificationDelivery.objects.get().status == "succeeded"
    # The same notice, so that a receiver may know it again.
    assert first.json["id"] == second.json["id"]
    receiver.replies(Reply(status=410))
    check(monitor, OK, at=timezone.now())
    clock.move(hours=1)
    deliver()
    clock.move(hours=30)
    deliver()
    assert len(receiver.arrived) == 3
    assert NotificationDelivery.objects.order_by("id").last().status == "dead"
