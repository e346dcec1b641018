"""What a newcomer sees who starts with `--demo`."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from monitor.models import AuditEntry, Beat, Monitor, MonitorEvent, MonitorHour, StatusPage
from monitor.models.monitors import RECENT_BEATS
from monitor.monitors.config import whole_config
from monitor.monitors.register import change_monitor
from monitor.monitors.stats import uptimes
from monitor.status.demo import MINUTE, REPLICA, furnish
from monitor.status.view import days_of
from tests.factories import a_service, an_organization

pytestmark = pytest.mark.django_db
SHOP = "http://127.0.0.1:8091"


@pytest.fixture(autouse=True)
def _the_shop_is_on_this_machine(settings):
    settings.QUICK_START = True


@pytest.fixture
def service():
    return a_service(an_organization(), name="demo-shop")


def test_the_room_is_alive_at_once_and_made_once(service):
    call_command("demo_room", service=str(service.id), shop=SHOP, verbosity=0)
    call_command("demo_room", service=str(service.id), shop=SHOP, verbosity=0)

    page = StatusPage.objects.get()
    shown = Client().get(f"/status/{page.slug}").content.decode()
    for words in ("Shop</h2>", "Back office</h2>", "Checkout", "New disks", "Planned", "Resolved"):
        assert words in shown
    assert shown.count('class="beats"') == 5
    assert Monitor.objects.count() == 5
    assert AuditEntry.objects.filter(action="status_page.created", actor_kind="system").exists()


def test_a_command_for_no_service_says_so():
    with pytest.raises(CommandError, match="There is no service"):
        call_command("demo_room", service="01a20000-0000-7000-8000-000000000000", shop=SHOP)


# Late and early within an hour and a day: no hour may be counted twice or left out.
@pytest.mark.parametrize(
    "now",
    [datetime(2026, 11, 21, 0, 7, 31, tzinfo=UTC), datetime(2026, 11, 21, 14, 59, tzinfo=UTC)],
    ids=["after midnight", "before three"],
)
def test_bars_uptime_events_and_what_people_said_agree(service, now):
    page = furnish(service, shop_url=SHOP, now=now)

    hurt = Monitor.objects.get(name="Customers")
    fine = Monitor.objects.get(name="Orders")
    day = {each.date: each for each in days_of([hurt.id], count=90, now=now)[hurt.id].days}
    down_ms = sum(MonitorHour.objects.filter(monitor=hurt).values_list("down_ms", flat=True))
    assert down_ms == REPLICA.minutes * 60_000
    assert day[REPLICA.start(now).date()].uptime < 1
    known = [each for each in day.values() if each.uptime is not None]
    assert len(known) == 90
    assert sum(each.uptime < 1 for each in known) == len(
        {REPLICA.start(now).date(), (REPLICA.end(now) - timedelta(seconds=1)).date()}
    )
    assert sum(each.maintenance_ms for each in known) == 40 * 60_000
    # Nothing is counted twice: no hour is longer than an hour.
    for hour in MonitorHour.objects.all():
        assert hour.up_ms + hour.down_ms + hour.maintenance_ms <= 3_600_000
    assert uptimes([fine.id], window="30d", now=now)[fine.id] == 1
    share = uptimes([hurt.id], window="30d", now=now)[hurt.id]
    assert share == pytest.approx(1 - REPLICA.minutes / (30 * 24 * 60), abs=0.0005)

    events = list(MonitorEvent.objects.filter(monitor=hurt).order_by("happened_at"))
    assert [each.notice for each in events] == ["down", "up"]
    # It counts as down from its first failure on, and is said to be after three more.
    assert events[0].happened_at == REPLICA.start(now) + 3 * MINUTE
    assert events[1].outage_s == (REPLICA.minutes - 3) * 60
    incident = page.incidents.get()
    assert incident.started_at - events[0].happened_at == timedelta(minutes=2)
    assert incident.resolved_at > events[1].happened_at
    assert incident.updates.count() == 4
    assert Beat.objects.filter(monitor=fine).count() == RECENT_BEATS


def test_a_shop_on_another_port_is_followed_but_for_what_people_turned_elsewhere(service, capsys):
    call_command("demo_room", service=str(service.id), shop=SHOP, verbosity=0)
    orders = Monitor.objects.get(name="Orders")
    change_monitor(orders, {}, {"url": "http://shop.example:8091/orders"}, now=timezone.now())
    secret = whole_config(Monitor.objects.get(name="Checkout"))["secrets"]

    capsys.readouterr()
    for _ in range(2):
        call_command("demo_room", service=str(service.id), shop="http://127.0.0.1:9191", verbosity=0)

    configs = {each.name: whole_config(each) for each in Monitor.objects.all()}
    assert configs["Storefront"]["port"] == 9191
    assert configs["Customers"]["url"] == "http://127.0.0.1:9191/customers/acme-corp"
    assert configs["Orders"]["url"] == "http://shop.example:8091/orders"
    assert configs["Checkout"]["variables"]["base_url"] == "http://127.0.0.1:9191"
    assert configs["Checkout"]["secrets"] == secret
    assert capsys.readouterr().out.count("Checkout, Customers, Sales report, Storefront.") == 1


def test_its_journey_waits_for_the_prober_with_nothing_made_up(service):
    furnish(service, shop_url=SHOP, now=timezone.now())

    checkout = Monitor.objects.get(name="Checkout")
    assert checkout.kind == "journey"
    assert not Beat.objects.filter(monitor=checkout).exists()
    assert checkout.checks.get().next_check_at < timezone.now() + timedelta(seconds=10)
    assert "correct horse" not in str(checkout.config)
