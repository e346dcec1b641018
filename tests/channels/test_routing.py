"""Who is told what, and when: pure cases with the clock given."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID, uuid4

import pytest

from monitor.channels.register import make_channel
from monitor.channels.routing import Recipient, Step, end_of_quiet, recipients
from monitor.models import NotificationChannel, NotificationDelivery

SHOP, STOCK = (UUID(int=number) for number in (1, 2))
# A Saturday, at noon in London and at 13:00 in Berlin.
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Told:
    subject: str = "alert"
    kind: str = "firing"
    severity: str = "warning"
    service_id: UUID | None = SHOP
    environment: str = "prod"
    is_closing: bool = False
    happened_at: datetime = NOON


def a_channel(**fields):
    return NotificationChannel(**{"id": uuid4(), "kind": "slack", "name": "ops", **fields})


def told_to(told, *channels, heard=None):
    """The places of the channels that take it."""
    ids = [channel.id for channel in channels]
    return sorted(ids.index(each.channel_id) for each in recipients(told, channels, heard=heard or {}))


@pytest.mark.parametrize(
    ("choice", "told", "is_taken"),
    [
        ({}, Told(), True),
        ({"services": [SHOP]}, Told(), True),
        ({"services": [STOCK]}, Told(), False),
        ({"services": [SHOP]}, Told(service_id=None), False),
        ({"severities": ["critical"]}, Told(), False),
        ({"severities": ["critical", "warning"]}, Told(), True),
        ({"environments": ["prod"]}, Told(), True),
        ({"environments": ["dev"]}, Told(), False),
        ({"environments": ["prod"]}, Told(environment=""), False),
        ({"subjects": ["monitor"]}, Told(), False),
        ({"subjects": ["monitor"], "services": [SHOP]}, Told(subject="monitor", kind="down"), True),
        ({"kind": "pagerduty"}, Told(kind="digest"), False),
        ({"kind": "of another version"}, Told(), False),
    ],
)
def test_a_channel_takes_what_it_names_and_naming_nothing_takes_all(choice, told, is_taken):
    assert told_to(told, a_channel(**choice)) == ([0] if is_taken else [])


def test_every_channel_that_asks_for_it_is_told_and_the_default_only_when_none_does():
    shop, everything = a_channel(services=[SHOP]), a_channel()
    default = a_channel(is_default=True, services=[STOCK])

    assert told_to(Told(), shop, everything, default) == [0, 1]
    assert told_to(Told(), shop, default) == [0]
    assert told_to(Told(service_id=STOCK), shop, default) == [1]
    assert told_to(Told(service_id=None), shop, default) == [1]


def test_while_a_channel_is_quiet_the_default_takes_its_place():
    quiet = a_channel(quiet_days=[5])

    assert told_to(Told(), quiet, a_channel(is_default=True)) == [1]
    assert told_to(Told(), quiet, a_channel()) == [1]


def test_where_all_are_quiet_it_waits_and_is_not_lost():
    quiet = a_channel(quiet_from=time(11), quiet_until=time(14))

    [recipient] = recipients(Told(), [quiet], heard={})

    assert recipient == Recipient(channel_id=quiet.id, at=NOON.replace(hour=14))


def test_what_is_critical_wakes_unless_the_channel_says_otherwise():
    night = {"quiet_from": time(11), "quiet_until": time(14)}
    woken, deaf = a_channel(**night), a_channel(**night, critical_wakes=False)

    first, second = recipients(Told(severity="critical"), [woken], heard={}) + recipients(
        Told(severity="critical"), [deaf], heard={}
    )

    assert (first.at, second.at) == (NOON, NOON.replace(hour=14))


def test_the_end_goes_to_those_who_heard_of_the_beginning_and_to_nobody_else():
    heard, deaf, default = a_channel(services=[STOCK]), a_channel(), a_channel(is_default=True)

    over = Told(kind="resolved", is_closing=True)

    assert told_to(over, heard, deaf, default, heard={heard.id: True}) == [0]
    assert told_to(over, heard, deaf, default) == []


def test_an_end_whose_beginning_still_waits_calls_it_off():
    quiet = a_channel(quiet_days=[5])

    [recipient] = recipients(Told(kind="resolved", is_closing=True), [quiet], heard={quiet.id: False})

    assert recipient.step == Step.CANCEL


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        # Within a day, and its edges: the first moment is quiet, the last is not.
        ({"quiet_from": time(9), "quiet_until": time(17)}, NOON, NOON.replace(hour=17)),
        ({"quiet_from": time(12), "quiet_until": time(17)}, NOON, NOON.replace(hour=17)),
        ({"quiet_from": time(9), "quiet_until": time(12)}, NOON, None),
        # Over midnight.
        ({"quiet_from": time(22), "quiet_until": time(7)}, NOON, None),
        (
            {"quiet_from": time(22), "quiet_until": time(7)},
            NOON.replace(hour=23),
            datetime(2026, 11, 22, 7, tzinfo=UTC),
        ),
        (
            {"quiet_from": time(22), "quiet_until": time(7)},
            NOON.replace(hour=3),
            NOON.replace(hour=7),
        ),
        # By the clocks of the zone: 12:00 UTC is 21:00 in Tokyo.
        (
            {"quiet_from": time(20), "quiet_until": time(8), "quiet_zone": "Asia/Tokyo"},
            NOON,
            datetime(2026, 11, 21, 23, tzinfo=UTC),
        ),
        # Saturday and Sunday, then the night to Monday: one spell after the other.
        (
            {"quiet_days": [5, 6], "quiet_from": time(22), "quiet_until": time(7)},
            NOON,
            datetime(2026, 11, 23, 7, tzinfo=UTC),
        ),
        # The night in which Berlin's clocks go back has an hour more: 7:00 is 6:00 UTC from then on.
        (
            {"quiet_from": time(22), "quiet_until": time(7), "quiet_zone": "Europe/Berlin"},
            datetime(2026, 10, 24, 21, tzinfo=UTC),
            datetime(2026, 10, 25, 6, tzinfo=UTC),
        ),
        # Every day: until something wakes it.
        ({"quiet_days": list(range(7))}, NOON, datetime(2026, 11, 28, 12, tzinfo=UTC)),
        ({}, NOON, None),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_their_zone(quiet, now, until):
    assert end_of_quiet(a_channel(**quiet), now=now) == until


# --- With the tables ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_incident_that_began_and_ended_in_quiet_hours_is_told_to_nobody(
    organization, happen, clock, receiver, deliver
):
    quiet = NotificationChannel(
        organization=organization, kind="webhook", name="day", quiet_days=list(range(7)), critical_wakes=False
    )
    make_channel(quiet, {"url": f"{receiver.url}/hook"})
    assert happen() == 1
    clock.move(minutes=5)
    assert happen("reminder") == 1
    clock.move(minutes=5)

    assert happen("resolved") == 0

    clock.move(days=8)
    deliver()
    assert not receiver.arrived
    assert set(NotificationDelivery.objects.values_list("status", flat=True)) == {"cancelled"}
