"""The demo's room: monitors of the shop with a past, a journey, planned work, and a page that tells of it.

The past is made of the same parts as any: checks around outages are kept as the prober keeps them, calm hours
are added up as their checks would have been. So bars, uptimes, incidents and events say the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.db import transaction

from monitor.journeys.written import stored
from monitor.lib.secrets import CannotOpen
from monitor.models import Maintenance, Monitor, MonitorCheck, Service, StatusPage
from monitor.models.monitors import RECENT_BEATS
from monitor.monitors import Checked, keep, make_monitor
from monitor.monitors.config import whole_config
from monitor.monitors.hours import Spell, add_to_hours, hour_of
from monitor.monitors.keeping import HOLDS_FOR_INTERVALS
from monitor.monitors.maintenance import save_maintenance
from monitor.monitors.register import change_monitor
from monitor.monitors.states import State
from monitor.probing import Finding, Outcome
from monitor.status.register import Shown, ShownGroup, open_incident, save_page, say

SLUG = "demo-shop"
DAYS = 90
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Of the last checks, one by one: as many as the bar of a monitor holds.
RECENT = RECENT_BEATS * MINUTE


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Checks that failed, one a minute: from `ago` on, for `minutes`."""

    ago: timedelta
    minutes: int
    message: str

    def start(self, now: datetime) -> datetime:
        return (now - self.ago).replace(second=0, microsecond=0)

    def end(self, now: datetime) -> datetime:
        return self.start(now) + self.minutes * MINUTE


REPLICA = Outage(ago=timedelta(days=6, hours=3), minutes=38, message="The answer was 503.")
UPGRADE_AGO, UPGRADE = timedelta(days=13), 40 * MINUTE
UPDATES = (
    (5, "investigating", "Customers and the sales report answer with errors. **Orders and payments work.**"),
    (11, "identified", "A replica of the database ran out of disk. We move reads to the other one."),
    (36, "monitoring", "Reads come from the other replica; answers are normal again. We watch."),
    (
        70,
        "resolved",
        "The replica is back with a larger disk.\n\n- An alert at 80 % of it is new\n- Nothing was lost",
    ),
)


@transaction.atomic
def furnish(service: Service, *, shop_url: str, now: datetime) -> StatusPage | None:
    """The room of the shop at this address; None where it was made before."""
    if StatusPage.objects.filter(slug=SLUG).exists():
        return None
    made = {name: a_monitor(service, name, given, now=now) for name, given in monitors_of(shop_url).items()}
    plan_work(service, list(made.values()), now=now)
    for name, monitor in made.items():
        give_past(monitor, [REPLICA] if name in ("Customers", "Sales report") else [], now=now)
    page = StatusPage(organization=service.organization)
    fields = {
        "slug": SLUG,
        "name": "Demo shop",
        "description": "How our small shop stands. Made up, but for the checks of the last minutes.",
    }
    groups = [
        a_group("Shop", made, "Storefront", "Orders", "Checkout"),
        a_group("Back office", made, "Customers", "Sales report"),
    ]
    save_page(page, fields, groups)
    tell_of_outage(page, now=now)
    return page


@transaction.atomic
def follow(service: Service, *, shop_url: str, now: datetime) -> list[str]:
    """Have the demo's monitors look where the shop is now, as its port may be another with each start: the
    names of those that looked elsewhere. What people changed to another machine stays."""
    found = Monitor.objects.filter(
        service=service, name__in=monitors_of(shop_url), tags__contains=["demo"]
    ).order_by("name")
    moved = []
    for monitor in found:
        try:
            before = whole_config(monitor)
        except CannotOpen:
            continue
        if (config := at_shop(before, shop_url)) != before:
            change_monitor(monitor, {}, config, now=now)
            moved.append(monitor.name)
    return moved


def at_shop(config: Mapping[str, Any], shop_url: str) -> dict[str, Any]:
    """The options, with this shop for one on another port of the same machine."""
    shop = urlsplit(shop_url)
    found = dict(config)
    if found.get("host") == shop.hostname:
        found["port"] = shop.port
    if "url" in found:
        found["url"] = with_origin(found["url"], shop)
    variables = found.get("variables") or {}
    if "base_url" in variables:
        found["variables"] = {**variables, "base_url": with_origin(variables["base_url"], shop)}
    return found


def with_origin(url: str, shop: SplitResult) -> str:
    there = urlsplit(url)
    if there.scheme != shop.scheme or there.hostname != shop.hostname:
        return url
    return there._replace(netloc=shop.netloc).geturl()


def monitors_of(shop_url: str) -> Mapping[str, dict[str, Any]]:
    host, _, port = shop_url.rpartition("//")[2].partition(":")
    journey = {
        "variables": {"base_url": shop_url, "product": "kettle"},
        "secrets": {"password": "correct horse"},
        "steps": [
            {
                "name": "Log in",
                "method": "POST",
                "url": "{{base_url}}/login",
                "body": {"user": "monitor@shop.example", "password": "{{password}}"},
                "extract": ["secret token = jsonpath $.access_token"],
                "assert": ["status == 200", "warn response_ms < 500"],
            },
            {
                "name": "Order",
                "method": "POST",
                "url": "{{base_url}}/orders",
                "headers": {"Authorization": "Bearer {{token}}"},
                "body": {"product": "{{product}}", "quantity": 1},
                "extract": ["order_id = jsonpath $.id"],
                "assert": ["status == 201", "jsonpath $.product == {{product}}"],
            },
            {
                "name": "Look it up",
                "url": "{{base_url}}/orders/{{order_id}}",
                "assert": ["status == 200", "jsonpath $.status == open"],
            },
        ],
    }
    return {
        "Storefront": {"kind": "tcp", "config": {"host": host, "port": int(port)}, "typical_ms": 1.2},
        "Orders": {"kind": "http", "config": {"url": f"{shop_url}/orders"}, "typical_ms": 18.0},
        "Checkout": {"kind": "journey", "config": stored(journey), "typical_ms": 150.0},
        "Customers": {
            "kind": "http",
            "config": {"url": f"{shop_url}/customers/acme-corp"},
            "typical_ms": 9.0,
        },
        "Sales report": {
            "kind": "http",
            "config": {"url": f"{shop_url}/reports/sales"},
            "typical_ms": 910.0,
        },
    }


def a_monitor(service: Service, name: str, given: Mapping[str, Any], *, now: datetime) -> Monitor:
    monitor = Monitor(
        organization=service.organization,
        service=service,
        name=name,
        kind=given["kind"],
        interval_s=60,
        timeout_s=20,
        # The shop opens a moment after the prober.
        max_retries=3,
        retry_interval_s=15,
        tags=["demo"],
    )
    made = make_monitor(monitor, given["config"], now=now)
    made.typical_ms = given["typical_ms"]  # type: ignore[attr-defined] # for its past alone
    return made


def a_group(name: str, made: Mapping[str, Monitor], *names: str) -> ShownGroup:
    return ShownGroup(name=name, monitors=[Shown(monitor_id=made[each].id) for each in names])


def plan_work(service: Service, monitors: list[Monitor], *, now: datetime) -> None:
    """One window that was, and one to come."""
    ids = [monitor.id for monitor in monitors]
    for title, start, words in (
        ("Database upgrade", upgrade_start(now), "Everything was read-only for a while."),
        (
            "New disks",
            hour_of(now) + timedelta(days=3),
            "We move to larger disks. Orders go on; the *sales report* may be slow.",
        ),
    ):
        fields = {
            "title": title,
            "description": words,
            "strategy": "once",
            "starts_at": start,
            "ends_at": start + UPGRADE,
        }
        save_maintenance(Maintenance(organization=service.organization), fields, ids)


def upgrade_start(now: datetime) -> datetime:
    return hour_of(now - UPGRADE_AGO)


# --- The past ----------------------------------------------------------------------------------------------


def give_past(monitor: Monitor, outages: list[Outage], *, now: datetime) -> None:
    """90 days by the hour, with checks one by one around outages and up to now."""
    starts = hour_of(now) - timedelta(days=DAYS - 1)
    # A journey's runs have steps, which cannot be made up: its own begin now.
    recent = now - RECENT if monitor.kind != "journey" else now
    for outage in outages:
        keep_outage(monitor, outage, now=now)
    # What was kept last counts for so long by itself.
    held = HOLDS_FOR_INTERVALS * MINUTE + timedelta(seconds=monitor.timeout_s)
    holes = [(outage.start(now) - 2 * MINUTE, outage.end(now) + MINUTE + held) for outage in outages]
    add_to_hours(calm_spells(monitor, since=starts, until=recent, holes=holes, now=now))
    if monitor.kind != "journey":
        keep_checks(monitor, [(recent + n * MINUTE, None) for n in range(int(RECENT / MINUTE))], now=now)


def keep_outage(monitor: Monitor, outage: Outage, *, now: datetime) -> None:
    """Two checks that went well, those that failed, and two that went well again."""
    start, end = outage.start(now), outage.end(now)
    before = [(start - 2 * MINUTE, None), (start - MINUTE, None)]
    failed = [(start + n * MINUTE, outage.message) for n in range(outage.minutes)]
    keep_checks(monitor, [*before, *failed, (end, None), (end + MINUTE, None)], now=now)


def keep_checks(monitor: Monitor, checks: list[tuple[datetime, str | None]], *, now: datetime) -> None:
    """As the prober keeps them. A message is of a check that failed."""
    row = MonitorCheck.objects.get(monitor=monitor)
    kept = [
        Checked(
            check_id=row.id,
            claim=None,
            monitor_id=monitor.id,
            planned_at=at,
            checked_at=at,
            finding=Finding(
                outcome=Outcome.FAILED if message else Outcome.OK,
                message=message or "As expected.",
                response_ms=None if message else response_ms(monitor, number),
            ),
        )
        for number, (at, message) in enumerate(checks)
    ]
    keep(kept, now=now)


def response_ms(monitor: Monitor, number: int) -> float:
    """About its usual time, up and down: no chance, so that the room looks the same each time."""
    typical: float = getattr(monitor, "typical_ms", 20.0)
    return round(typical * (1 + (number * 37 % 23) / 60), 1)


def calm_spells(
    monitor: Monitor,
    *,
    since: datetime,
    until: datetime,
    holes: list[tuple[datetime, datetime]],
    now: datetime,
) -> Iterator[Spell]:
    """The time outside of what is kept check by check, cut by the hour; the upgrade is maintenance."""
    work = (upgrade_start(now), upgrade_start(now) + UPGRADE)
    edges = sorted({each for hole in [*holes, work] for each in hole})
    hours = [since + n * HOUR for n in range(1, int((until - since) / HOUR) + 1)]
    moments = [since, *(each for each in sorted({*edges, *hours}) if since < each < until), until]
    for number, (start, end) in enumerate(pairwise(moments)):
        if any(first <= start < last for first, last in holes):
            continue
        in_work = work[0] <= start < work[1]
        yield Spell(
            monitor_id=monitor.id,
            state=State.MAINTENANCE if in_work else State.UP,
            start=start,
            end=end,
            checks=max(int((end - start) / MINUTE), 1),
            response_ms=response_ms(monitor, number),
        )


def tell_of_outage(page: StatusPage, *, now: datetime) -> None:
    """What people said of it, when it was."""
    start = REPLICA.start(now)
    (minutes, status, body), *others = UPDATES
    incident = open_incident(
        page,
        title="Customers and reports answer with errors",
        impact="major",
        status=status,
        body=body,
        now=start + minutes * MINUTE,
    )
    for minutes, status, body in others:
        say(incident, status=status, body=body, now=start + minutes * MINUTE)
