"""What ends soon is told once, by its smallest threshold; registries are asked on loopback."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.channels.register import make_channel
from monitor.models import (
    Event,
    Maintenance,
    MonitorEvent,
    MonitorExpiry,
    MonitorStanding,
    Notification,
    NotificationChannel,
)
from monitor.monitors.expiring import crossed, sentence, tell_expiring
from monitor.monitors.maintenance import save_maintenance
from monitor.monitors.registries import ask_registries, host_of
from monitor.probing import Outcome
from tests.factories import an_organization
from tests.lib.servers import serve
from tests.monitors.scenes import a_monitor, check

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def with_certificate(days, monitor=None):
    monitor = monitor or a_monitor()
    check(monitor, Outcome.OK, at=NOON, certificate_until=NOON + days * DAY)
    return monitor


def told():
    return list(MonitorEvent.objects.order_by("id").values_list("notice", "message"))


@pytest.mark.parametrize(
    ("days", "expected"), [(30, None), (21, 21), (15, 21), (14, 14), (7.5, 14), (7, 7), (5, 7), (-3, 7)]
)
def test_the_smallest_crossed_threshold_counts(days, expected):
    assert crossed(NOON + days * DAY, now=NOON, thresholds=(7, 14, 21)) == expected


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (6, "ends in 6 days, on 2026-11-27."),
        (1, "ends in 1 day, on 2026-11-22."),
        (0, "ends within a day, on 2026-11-21."),
        (-2, "ended on 2026-11-19."),
    ],
)
def test_how_it_is_said(days, words):
    assert sentence("certificate", NOON + days * DAY, days) == f"The certificate {words}"


def test_a_certificate_first_seen_at_five_days_is_one_notice():
    with_certificate(5)

    for hour in range(3):
        tell_expiring(now=NOON + timedelta(hours=hour))

    assert told() == [("certificate", "The certificate ends in 5 days, on 2026-11-26.")]
    assert json.loads(Event.objects.get(type="monitor.expiring").body)["data"]["what"] == "certificate"


@pytest.mark.parametrize(
    ("days", "words"), [(5, "Certificate ends soon: Shop"), (-2, "Certificate has ended: Shop")]
)
def test_a_notice_says_whether_it_is_over(days, words):
    monitor = a_monitor(name="Shop")
    channel = NotificationChannel(organization=monitor.organization, kind="webhook", name="Desk")
    make_channel(channel, {"url": "https://shop.example/hook"}, is_default=True)

    with_certificate(days, monitor)
    tell_expiring(now=NOON)

    assert Notification.objects.get(kind="certificate").title == words


def test_each_threshold_is_told_once_on_its_day():
    with_certificate(30)

    counts = []
    for day in range(31):
        tell_expiring(now=NOON + day * DAY)
        counts.append(MonitorEvent.objects.count())

    assert [day for day in range(1, 31) if counts[day] > counts[day - 1]] == [9, 16, 23]


def test_a_renewed_certificate_is_told_of_anew():
    monitor = with_certificate(5)
    tell_expiring(now=NOON)
    with_certificate(90, monitor)
    tell_expiring(now=NOON)

    tell_expiring(now=NOON + 80 * DAY)

    assert [message for _, message in told()] == [
        "The certificate ends in 5 days, on 2026-11-26.",
        "The certificate ends in 10 days, on 2027-02-19.",
    ]


def test_a_paused_monitor_and_no_thresholds_tell_nobody(settings):
    monitor = with_certificate(5)
    monitor.is_active = False
    monitor.save()
    assert tell_expiring(now=NOON) == []
    monitor.is_active = True
    monitor.save()
    settings.EXPIRY_DAYS = ()
    assert tell_expiring(now=NOON) == []


def test_maintenance_keeps_it_back_and_it_is_told_once_after_where_it_still_holds(django_assert_num_queries):
    organization = an_organization()
    lasting, renewed = (a_monitor(organization, name=name) for name in ("lasting", "renewed"))
    for monitor in (lasting, renewed):
        with_certificate(5, monitor)
    starts_at = NOON - timedelta(hours=1)
    plan = {"strategy": "once", "starts_at": starts_at, "ends_at": NOON + timedelta(hours=2)}
    save_maintenance(
        Maintenance(organization=organization), {"title": "Work", "covers_all": True, **plan}, []
    )

    # For certificates those that end, the plans and whom they cover; for domains there is nothing to ask.
    with django_assert_num_queries(4):
        assert tell_expiring(now=NOON) == []
    assert tell_expiring(now=NOON + timedelta(hours=1)) == []
    check(renewed, Outcome.OK, at=NOON + timedelta(hours=1), certificate_until=NOON + 90 * DAY)
    after = [tell_expiring(now=NOON + timedelta(hours=hour)) for hour in (2, 3)]

    assert [[event.monitor_id for event in each] for each in after] == [[lasting.id], []]


# --- Domains -----------------------------------------------------------------------------------------------


def answers(by_path):
    def handle(connection, request):
        path = request.split(b" ")[1].decode()
        status, told = by_path.get(path, ("404 Not Found", {}))
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )

    return handle


def ends(moment):
    return ("200 OK", {"events": [{"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"},
                                  {"eventAction": "expiration", "eventDate": moment}]})  # fmt: skip


@pytest.fixture
def reach(settings):
    settings.QUICK_START = True
    return settings


def watched(url="https://www.shop.example/health", **fields):
    return a_monitor(config={"url": url}, watches_domain=True, **fields)


def test_a_registry_is_asked_once_a_day_for_each_name_and_its_end_is_told(reach):
    first, second = watched(), watched(name="other")
    a_monitor(name="not watched")
    with serve(answers({"/domain/shop.example": ends("2026-12-01T12:00:00Z")})) as registry:
        reach.RDAP_URL = registry.url("/").rstrip("/")
        assert ask_registries(now=NOON) == 2
        assert ask_registries(now=NOON + timedelta(hours=23)) == 0
        assert len(registry.requests) == 2

        tell_expiring(now=NOON)

        assert ask_registries(now=NOON + timedelta(hours=25)) == 2
    for monitor in (first, second):
        assert MonitorStanding.objects.get(monitor=monitor).domain_until == datetime(
            2026, 12, 1, 12, tzinfo=UTC
        )
    assert told() == [("domain", "The registration of the domain ends in 10 days, on 2026-12-01.")] * 2


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (("500 Oops", {}), "The registry said 500."),
        (("429 Slow down", {}), "The registry said 429."),
        (("200 OK", b"<html>"), "The registry's answer is no JSON."),
        (("200 OK", []), "The registry's answer is none of a domain."),
        (ends("some day"), "The registry's date cannot be read."),
        (("404 Not Found", {}), "No registry knows shop.example."),
    ],
)
def test_a_registry_that_says_nothing_of_use_changes_nothing(reach, answer, problem):
    monitor = watched()
    MonitorStanding.objects.filter(monitor=monitor).update(domain_until=NOON + 90 * DAY)
    with serve(answers({"/domain/shop.example": answer})) as registry:
        reach.RDAP_URL = registry.url("/")
        ask_registries(now=NOON)

    assert MonitorExpiry.objects.get().problem == problem
    assert MonitorStanding.objects.get(monitor=monitor).domain_until == NOON + 90 * DAY
    assert tell_expiring(now=NOON) == []


def test_registries_are_asked_through_the_one_door_to_the_outside(settings):
    watched()
    settings.QUICK_START, settings.OUTBOUND_ALLOW = False, ()
    with serve(answers({})) as registry:
        settings.RDAP_URL = registry.url("/")
        ask_registries(now=NOON)

        assert registry.requests == []
    assert MonitorExpiry.objects.get().problem.startswith("The registry could not be asked")


@pytest.mark.parametrize(
    ("config", "kind", "host"),
    [
        ({"url": "https://WWW.Shop.example:8443/x"}, "http", "www.shop.example"),
        ({"url": "https://127.0.0.1/"}, "http", ""),
        ({"host": "mail.shop.example.", "port": 25}, "tcp", "mail.shop.example"),
    ],
)
def test_the_host_is_that_of_the_target(config, kind, host):
    assert host_of(a_monitor(kind=kind, config=config)) == host
