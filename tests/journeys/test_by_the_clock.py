"""Journeys that run at moments of a clock on the wall."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitor.models import Monitor
from monitor.monitors import Checked, keep
from monitor.monitors.as_yaml import apply, plan
from monitor.probing import Finding, Outcome
from monitor.probing.schedules import Schedule
from tests.factories import a_client, a_key, a_user, an_organization, post_json
from tests.journeys.targets import document, log_in
from tests.monitors.scenes import a_monitor

pytestmark = pytest.mark.django_db
NIGHTLY = document(log_in("http://shop.example")) | {"cron": "0 3 * * *"}


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


def at_three(moment):
    return Schedule(expression="0 3 * * *").next_after(moment)


def keep_one(monitor, outcome, *, at):
    """As the prober keeps a run of this moment; when the next is."""
    found = Checked(
        check_id=monitor.checks.get().id,
        claim=None,
        monitor_id=monitor.id,
        planned_at=at,
        checked_at=at,
        finding=Finding(outcome=outcome, message=str(outcome)),
        scheduled_at=at_three(at),
    )
    keep([found], now=at)
    return monitor.checks.get().next_check_at


def test_it_runs_at_its_moments_alone_and_its_interval_is_its_longest_wait(client):
    given = {"name": "Nightly", "kind": "journey", "timeout_s": 60, "interval_s": 60}
    made = post_json(client, "/v1/monitors", {**given, "config": NIGHTLY})
    monitor = Monitor.objects.get()

    assert (made.status_code, made.json()["interval_s"], made.json()["state"]) == (201, 86_400, "new")
    assert monitor.checks.get().next_check_at == at_three(timezone.now())
    # Neither a change nor a pause has it run in between.
    for change in ({"name": "At night"}, {"interval_s": 60}, {"is_active": False}, {"is_active": True}):
        client.patch(f"/v1/monitors/{monitor.id}", change, content_type="application/json")
        assert monitor.checks.get().next_check_at == at_three(timezone.now())
    shown = client.get(f"/v1/monitors/{monitor.id}").json()
    assert (shown["config"]["cron"], shown["config"]["timezone"]) == ("0 3 * * *", "UTC")
    assert shown["interval_s"] == 86_400


def test_retries_come_before_the_next_moment_and_never_put_it_off(organization):
    fields = {"max_retries": 1, "retry_interval_s": 300, "timeout_s": 60}
    monitor = a_monitor(organization, kind="journey", config=NIGHTLY, **fields)
    at, day = datetime(2026, 11, 22, 3, tzinfo=UTC), timedelta(days=1)

    assert keep_one(monitor, Outcome.FAILED, at=at) == at + timedelta(minutes=5)
    assert keep_one(monitor, Outcome.FAILED, at=at + timedelta(minutes=5)) == at + day
    assert keep_one(monitor, Outcome.OK, at=at + day) == at + 2 * day
    late = at + 2 * day + timedelta(hours=23, minutes=58)
    assert keep_one(monitor, Outcome.FAILED, at=late) == at + 3 * day


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cron": "soon"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"cron": "0 3 31 12 *"}, "cron"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_at_its_field(client, given, field):
    refused = post_json(
        client, "/v1/monitors", {"name": "Never", "kind": "journey", "config": {**NIGHTLY, **given}}
    )

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == f"config.{field}"
    assert not Monitor.objects.exists()


def test_a_file_that_says_no_interval_beside_its_cron_changes_nothing_the_second_time(organization):
    text = json.dumps({"version": 1, "monitors": [{"name": "Nightly", "kind": "journey", "config": NIGHTLY}]})

    done = apply(organization, text, environment={}, now=timezone.now())

    assert [change.action for change in done] == ["create"]
    assert plan(organization, text, environment={}) == []


def test_its_page_tells_when_and_not_how_often(organization):
    monitor = a_monitor(organization, kind="journey", config=NIGHTLY | {"timezone": "Europe/Berlin"})
    browser = a_client(user=a_user(organization, "admin"))

    page = browser.get(f"/monitors/{monitor.id}").content.decode()

    assert '<span class="mono">0 3 * * *</span> (Europe/Berlin)' in page
    assert '<span class="strip-name">Next</span>' in page
    assert '<span class="strip-name">Every</span>' not in page

    written = json.dumps({**NIGHTLY, "cron": "30 4 * * *"})
    sent = {"name": "x", "interval_s": 60, "timeout_s": 20, "max_retries": 0, "retry_interval_s": 20}
    more = {"recovery_successes": 1, "reminder_minutes": 0, "mode": "yaml", "yaml": written, "do": "save"}
    saved = browser.post(f"/journeys/{monitor.id}/edit", {**sent, **more}, follow=True)
    assert "Saved. It runs at its next moment." in saved.content.decode()
