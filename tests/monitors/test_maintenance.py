"""Maintenance from its plan to the notice that follows it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitor.models import Beat, Maintenance, MonitorEvent, MonitorStanding
from monitor.probing import Outcome
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor, check, each_minute

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, FAILED = Outcome.OK, Outcome.FAILED


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


def a_window(organization, *monitors, start=NOON, minutes=10, **fields):
    """An hour's work, once."""
    made = Maintenance.objects.create(
        organization=organization,
        **{
            "title": "Work",
            "strategy": "once",
            "starts_at": start,
            "ends_at": start + minutes * MINUTE,
            **fields,
        },
    )
    made.monitors.set(monitors)
    return made


def told():
    return list(MonitorEvent.objects.order_by("id").values_list("notice", flat=True))


def states(monitor):
    return list(Beat.objects.filter(monitor_id=monitor.id).order_by("id").values_list("state", flat=True))


def test_a_window_marks_beats_keeps_silent_and_is_over_at_its_end(organization):
    monitor = a_monitor(organization)
    a_window(organization, monitor, start=NOON, minutes=2)

    each_minute(monitor, OK, OK, FAILED, OK, OK, start=NOON - MINUTE)

    assert states(monitor) == [1, 3, 3, 1, 1]
    assert told() == []
    assert not MonitorStanding.objects.get(monitor=monitor).in_maintenance


@pytest.mark.parametrize(
    ("before", "within", "after", "expected"),
    [
        ("still up", [OK, OK], [OK, OK], []),
        ("down since", [OK, FAILED], [FAILED, FAILED], ["down"]),
        ("down in it alone", [FAILED, OK], [OK, OK], []),
        ("flapping in it", [FAILED, OK, FAILED, OK, FAILED, OK], [OK, OK], []),
    ],
)
def test_what_follows_a_window_is_said_once_and_only_if_it_differs(
    organization, before, within, after, expected
):
    monitor = a_monitor(organization)
    check(monitor, OK, at=NOON - MINUTE)
    a_window(organization, monitor, start=NOON, minutes=len(within))

    each_minute(monitor, *within, *after, start=NOON)

    assert told() == expected


def test_an_outage_from_before_is_not_told_again_and_its_end_is_not_lost(organization):
    monitor = a_monitor(organization)
    each_minute(monitor, OK, FAILED, start=NOON - 2 * MINUTE)
    a_window(organization, monitor, start=NOON, minutes=2)

    each_minute(monitor, FAILED, OK, OK, OK, start=NOON)

    assert told() == ["down", "up"]
    assert MonitorEvent.objects.get(notice="up").happened_at == NOON + 2 * MINUTE


def test_time_in_a_window_counts_for_neither_up_nor_down(organization):
    monitor = a_monitor(organization)
    a_window(organization, monitor, start=NOON, minutes=3)

    each_minute(monitor, OK, FAILED, FAILED, OK, start=NOON)

    hour = monitor.hours.get()
    assert (hour.up_ms, hour.down_ms, hour.maintenance_ms) == (0, 0, 180_000)


@pytest.mark.parametrize("by", ["name", "tag", "group", "all"])
def test_a_monitor_is_covered_by_name_tag_group_and_all(organization, by):
    outer = a_monitor(organization, kind="group", name="outer")
    inner = a_monitor(organization, kind="group", name="inner", parent=outer)
    monitor = a_monitor(organization, parent=inner, tags=["night"])
    other = a_monitor(organization, name="other")
    window = a_window(organization, **{"covers_all": by == "all", "tags": ["night"] if by == "tag" else []})
    window.monitors.set({"name": [monitor], "group": [outer]}.get(by, []))

    check(monitor, OK, at=NOON)
    check(other, OK, at=NOON)

    assert states(monitor) == [3]
    assert states(other) == ([3] if by == "all" else [1])


def test_a_window_of_another_organization_and_a_paused_one_cover_nothing(organization):
    monitor = a_monitor(organization)
    a_window(an_organization(), covers_all=True)
    a_window(organization, covers_all=True, is_active=False)

    check(monitor, OK, at=NOON)

    assert states(monitor) == [1]


def test_keeping_checks_asks_once_for_plans_and_once_more_while_one_is_open(
    organization, django_assert_num_queries
):
    from monitor.monitors.maintenance import maintained_within

    monitors = [a_monitor(organization, name=str(number)) for number in range(3)]
    a_window(organization, covers_all=True)

    with django_assert_num_queries(1):
        closed = maintained_within(monitors, since=NOON - MINUTE, until=NOON - MINUTE)
    with django_assert_num_queries(2):
        opened = maintained_within(monitors, since=NOON, until=NOON)

    assert not closed.holds(monitors[0].id, NOON)
    assert all(opened.holds(monitor.id, NOON) for monitor in monitors)


# --- /v1/maintenances --------------------------------------------------------------------------------------


def test_a_maintenance_is_made_read_changed_paused_and_removed(client, organization):
    monitor = a_monitor(organization)
    made = post_json(
        client,
        "/v1/maintenances",
        {
            "title": "Backups",
            "strategy": "weekly",
            "weekdays": [0, 1, 2, 3, 4, 5, 6],
            "start_time": "23:00",
            "end_time": "02:00",
            "timezone": "Europe/Berlin",
            "monitor_ids": [str(monitor.id)],
        },
    )
    assert made.status_code == 201, made.json()
    shown = made.json()
    assert (shown["start_time"], shown["monitor_ids"]) == ("23:00", [str(monitor.id)])
    assert shown["state"] in ("open", "planned")
    address = f"/v1/maintenances/{shown['id']}"

    changed = client.patch(address, {"end_time": "03:00"}, content_type="application/json")
    assert (changed.json()["end_time"], changed.json()["start_time"]) == ("03:00", "23:00")
    assert post_json(client, f"{address}/pause", {}).json()["state"] == "paused"
    assert post_json(client, f"{address}/resume", {}).json()["state"] in ("open", "planned")
    assert client.get(f"/v1/maintenances?monitor_id={monitor.id}").json()[0]["id"] == shown["id"]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("ends_at", {"ends_at": None}),
        ("timezone", {"timezone": "Mars/Olympus"}),
        ("weekdays", {"strategy": "weekly", "start_time": "01:00", "end_time": "02:00"}),
        ("monitor_ids", {"monitor_ids": ["019a0000-0000-7000-8000-000000000000"]}),
        ("expression", {"strategy": "cron", "expression": "often"}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(client, organization, field, change):
    asked = {
        "title": "Work",
        "strategy": "once",
        "starts_at": "2026-11-21T12:00:00Z",
        "ends_at": "2026-11-21T13:00:00Z",
        **change,
    }

    answer = post_json(client, "/v1/maintenances", asked)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Maintenance.objects.exists()


def test_a_monitor_of_another_organization_cannot_be_named(client):
    elsewhere = a_monitor(an_organization())

    answer = post_json(
        client,
        "/v1/maintenances",
        {"title": "Work", "strategy": "manual", "monitor_ids": [str(elsewhere.id)]},
    )

    assert answer.status_code == 400
    assert not Maintenance.objects.exists()


def test_a_key_of_a_service_sees_what_concerns_it_and_plans_nothing(organization):
    service = a_service(organization)
    mine, other = a_monitor(organization, service=service), a_monitor(organization)
    a_window(organization, mine, title="mine")
    a_window(organization, other, title="other")
    a_window(organization, covers_all=True, title="all")
    client = a_client(a_key(service, scopes=["read", "manage"])[1])

    listed = client.get("/v1/maintenances").json()

    assert sorted(each["title"] for each in listed) == ["all", "mine"]
    assert post_json(client, "/v1/maintenances", {"title": "W", "strategy": "manual"}).status_code == 403


def test_a_long_list_takes_no_more_queries(client, organization, django_assert_max_num_queries):
    monitor = a_monitor(organization)
    for _ in range(12):
        a_window(organization, monitor)

    # The key, its organization, the maintenances, their monitors.
    with django_assert_max_num_queries(5):
        assert len(client.get("/v1/maintenances").json()) == 12


# --- Pages -------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(organization):
    return a_client(user=a_user(organization, "admin"))


def test_maintenance_is_planned_by_a_form_of_its_strategy_and_shown(browser, organization):
    monitor = a_monitor(organization, name="Shop")
    page = browser.get("/monitors/maintenance/new?strategy=monthly").content.decode()
    assert 'name="month_days"' in page
    assert 'name="weekdays"' not in page

    sent = browser.post(
        "/monitors/maintenance/new?strategy=monthly",
        {
            "title": "Patch night",
            "month_days": "1, -1",
            "start_time": "23:00",
            "end_time": "01:00",
            "timezone": "Europe/Berlin",
            "monitor_ids": [str(monitor.id)],
        },
    )

    assert sent.status_code == 302, sent.content.decode()
    made = Maintenance.objects.get()
    assert (made.month_days, made.monitor_ids) == ([1, -1], [monitor.id])
    shown = browser.get("/monitors/maintenance").content.decode()
    assert "Patch night" in shown
    assert "Shop" in shown


def test_what_is_over_still_says_when_it_was_and_cannot_be_paused(browser, organization):
    a_window(organization, start=NOON - timedelta(days=9))

    shown = browser.get("/monitors/maintenance").content.decode()

    assert "2026-11-12 12:00:00 UTC" in shown
    assert "2026-11-12 12:10:00 UTC" in shown
    assert "Pause" not in shown


def test_a_form_that_makes_no_window_is_shown_again_with_the_reason(browser):
    sent = browser.post("/monitors/maintenance/new?strategy=once", {"title": "Work"})

    assert sent.status_code == 400
    assert "Say when it begins and ends." in sent.content.decode()


@pytest.mark.parametrize("strategy", ["once", "weekly", "monthly", "interval", "cron"])
def test_a_form_says_of_no_field_that_it_needs_that_it_is_optional(browser, strategy):
    page = browser.get(f"/monitors/maintenance/new?strategy={strategy}").content.decode()
    needed = re.findall(r'name="(starts_at|ends_at|start_time|end_time|month_days|expression)"[^>]*>', page)

    assert needed or strategy == "weekly"
    for name in needed:
        assert re.search(rf'<input[^>]*name="{name}"[^>]* required', page)


def test_editing_keeps_what_was_said_and_pausing_and_removing_are_buttons(browser, organization):
    window = a_window(organization, strategy="cron", expression="0 3 * * *", duration_minutes=30)
    address = f"/monitors/maintenance/{window.id}"
    assert 'value="0 3 * * *"' in browser.get(address).content.decode()

    assert browser.post(f"{address}/pause", {"is_active": "false"}).status_code == 302
    window.refresh_from_db()
    assert not window.is_active
    sent = browser.post(
        address, {"title": "Later", "expression": "0 4 * * *", "duration_minutes": 45, "timezone": "UTC"}
    )
    assert sent.status_code == 302
    window.refresh_from_db()
    assert (window.title, window.expression, window.duration_minutes) == ("Later", "0 4 * * *", 45)
    assert not window.is_active
    browser.post(f"{address}/delete")
    assert not Maintenance.objects.exists()


def test_a_viewer_reads_and_changes_nothing(organization):
    window = a_window(organization, start=timezone.now())
    viewer = a_client(user=a_user(organization, "viewer"))

    assert "Work" in viewer.get("/monitors/maintenance").content.decode()
    assert viewer.get("/monitors/maintenance/new").status_code == 403
    assert viewer.post(f"/monitors/maintenance/{window.id}/delete").status_code == 403
    assert Maintenance.objects.exists()
