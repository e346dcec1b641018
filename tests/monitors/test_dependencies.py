"""What a monitor depends on keeps back that it is down, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.models import Beat, MonitorEvent
from monitor.monitors import keep
from monitor.monitors.keeping import Checked
from monitor.monitors.register import put_dependencies, set_active
from monitor.probing import BadConfig, Finding, Outcome
from tests.factories import a_client, a_key, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor, check, each_minute
from tests.monitors.test_pages import form

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, FAILED = Outcome.OK, Outcome.FAILED


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def pair(organization):
    """A router, and a shop behind it; both were up."""
    router, shop = a_monitor(organization, name="router"), a_monitor(organization, name="shop")
    put_dependencies(shop, [router.id])
    check(router, OK, at=NOON - MINUTE)
    check(shop, OK, at=NOON - MINUTE)
    return router, shop


def told(monitor):
    return list(MonitorEvent.objects.filter(monitor=monitor).order_by("id").values_list("notice", flat=True))


def test_nobody_is_told_of_a_monitor_behind_one_that_is_down_and_it_is_checked_on(pair):
    router, shop = pair
    check(router, FAILED, at=NOON)

    each_minute(shop, FAILED, FAILED, OK, start=NOON)

    assert told(router) == ["down"]
    assert told(shop) == []
    assert list(Beat.objects.filter(monitor_id=shop.id).order_by("id").values_list("state", flat=True)) == [
        1,
        0,
        0,
        1,
    ]


def test_what_stays_down_on_its_own_is_told_then(pair):
    router, shop = pair
    check(router, FAILED, at=NOON)
    check(shop, FAILED, at=NOON)
    check(router, OK, at=NOON + MINUTE)

    check(shop, FAILED, at=NOON + MINUTE)

    assert told(shop) == ["down"]


def test_the_end_of_what_was_told_is_never_kept_back(pair):
    router, shop = pair
    check(shop, FAILED, at=NOON)
    check(router, FAILED, at=NOON)

    check(shop, OK, at=NOON + MINUTE)

    assert told(shop) == ["down", "up"]


def test_reminders_are_kept_back_too(organization, pair):
    router, _ = pair
    shop = a_monitor(organization, name="reminded", reminder_minutes=1)
    put_dependencies(shop, [router.id])
    each_minute(shop, OK, FAILED, start=NOON - 3 * MINUTE)
    check(router, FAILED, at=NOON)

    each_minute(shop, FAILED, FAILED, FAILED, start=NOON)

    assert told(shop) == ["down"]


def test_it_is_one_hop(organization, pair):
    router, shop = pair
    checkout = a_monitor(organization, name="checkout")
    put_dependencies(checkout, [shop.id])
    check(checkout, OK, at=NOON - MINUTE)
    check(router, FAILED, at=NOON)

    check(checkout, FAILED, at=NOON)

    assert told(checkout) == ["down"]


def test_what_is_paused_or_not_looked_at_excuses_nothing(pair):
    router, shop = pair
    check(router, FAILED, at=NOON)
    set_active([router], is_active=False, now=NOON)

    check(shop, FAILED, at=NOON)

    assert told(shop) == ["down"]


def test_what_is_kept_in_the_same_batch_counts(pair):
    batch = [
        Checked(
            check_id=monitor.checks.get().id,
            claim=None,
            monitor_id=monitor.id,
            planned_at=NOON,
            checked_at=NOON + timedelta(seconds=number),
            finding=Finding(outcome=FAILED, message="no"),
        )
        for number, monitor in enumerate(pair)
    ]

    keep(batch, now=NOON + MINUTE)

    assert [told(monitor) for monitor in pair] == [["down"], []]


def test_a_ring_and_a_monitor_of_another_organization_are_refused(organization, pair):
    router, shop = pair
    for monitor, others in ((router, [shop]), (shop, [shop]), (shop, [a_monitor(an_organization())])):
        with pytest.raises(BadConfig) as refused:
            put_dependencies(monitor, [other.id for other in others])
        assert refused.value.field == "depends_on_ids"


def test_the_api_and_the_form_set_and_show_it(organization, pair):
    router, shop = pair
    client = a_client(a_key(organization=organization, scopes=["read", "manage"])[1])
    given = {"name": "third", "kind": "manual", "depends_on_ids": [str(router.id)]}

    made = post_json(client, "/v1/monitors", given)

    assert made.json()["depends_on_ids"] == [str(router.id)]
    address = f"/v1/monitors/{made.json()['id']}"
    ring = client.patch(
        f"/v1/monitors/{router.id}", {"depends_on_ids": [str(shop.id)]}, content_type="application/json"
    )
    assert (ring.status_code, ring.json()["errors"][0]["field"]) == (400, "depends_on_ids")
    none = client.patch(address, {"depends_on_ids": []}, content_type="application/json")
    assert none.json()["depends_on_ids"] == []
    copied = post_json(client, f"/v1/monitors/{shop.id}/clone", {}).json()
    assert copied["depends_on_ids"] == [str(router.id)]
    browser = a_client(user=a_user(organization, "admin"))
    sent = browser.post("/monitors/new?kind=http", form(name="by form", depends_on_ids=[str(router.id)]))
    assert sent.status_code == 302
    assert router.dependents.filter(name="by form").exists()
