"""Processes that report with a client: who is there, who fell silent, and services that only they tell of."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.ingest.entry import Sender
from monitor.ingest.reports import Count, InstanceDetails, Report, keep_report
from monitor.metrics.compact import compact
from monitor.models import Instance
from monitor.models.tenants import Role
from monitor.services.hour import last_hour_of, last_seen
from tests.factories import a_client, a_key, a_log, a_service, a_user, keep_logs, the_default_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service(the_default_organization())


@pytest.fixture
def admin(service):
    return a_client(user=a_user(service.organization, Role.ADMIN))


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


def tell(service, *, seconds_ago=0, environment="prod", name="one", counts=(), paths=(), **details):
    now = timezone.now()
    told_at = now - timedelta(seconds=seconds_ago)
    sender = Sender(
        organization_id=service.organization_id,
        service_id=service.id,
        mode="live",
        keep_bodies=service.keep_bodies,
        retention=service.retention,
    )
    report = Report(
        message_id=f"{name} {seconds_ago}",
        environment=environment,
        told_at=told_at,
        instance=InstanceDetails(name=name, **details),
        counts=[
            Count(
                counted_at=told_at,
                method="GET",
                route=route,
                status_code=status,
                requests=requests,
                latency_ms=requests * 10.0,
                buckets={200: requests},
            )
            for route, status, requests in counts
        ],
        paths=paths,
    )
    keep_report(report, sender, now=now)


def text_of(answer):
    return answer.content.decode()


def test_a_process_is_shown_with_what_it_uses(admin, service):
    tell(service, client="python:starlette", cpu_percent=12.34, memory_bytes=64 * 2**20, started=True)

    page = text_of(admin.get(f"/services/{service.id}"))

    assert "python:starlette" in page
    assert "12.3 %" in page
    assert "64.0 MiB" in page
    assert "silent since" not in page


@pytest.mark.parametrize(("seconds_ago", "is_silent"), [(170, False), (190, True)])
def test_a_process_is_silent_after_three_minutes_without_a_word(
    admin, reader, service, seconds_ago, is_silent
):
    tell(service, seconds_ago=seconds_ago)

    page = text_of(admin.get(f"/services/{service.id}"))
    (row,) = reader.get(f"/v1/services/{service.id}/instances").json()

    assert ("prod silent since" in page) == is_silent
    assert row["is_silent"] == is_silent


def test_an_environment_is_silent_only_when_no_process_of_it_is_heard(admin, service):
    tell(service, name="ended", seconds_ago=600)
    tell(service, name="runs")
    tell(service, name="gone", seconds_ago=100_000, environment="staging")

    page = text_of(admin.get(f"/services/{service.id}"))

    assert "prod silent since" not in page
    assert "staging silent since" in page
    assert page.count("silent</span>") == 1


def test_many_processes_are_cut_and_counted(admin, service, monkeypatch):
    monkeypatch.setattr("monitor.services.instances.MAX_SHOWN", 2)
    for number in range(5):
        tell(service, name=f"worker-{number}")

    page = text_of(admin.get(f"/services/{service.id}"))

    assert page.count('title="worker-') == 2
    assert "3 more were heard of today" in page


def test_the_list_names_versions_and_moments(reader, service):
    tell(service, client="js:express", versions={"express": "4.22.1"}, started=True)

    (row,) = reader.get(f"/v1/services/{service.id}/instances").json()

    assert (row["name"], row["environment"], row["client"]) == ("one", "prod", "js:express")
    assert row["versions"] == {"express": "4.22.1"}
    assert row["started_at"] == row["last_seen_at"]
    assert row["cpu_percent"] is None


def test_a_service_without_logs_shows_the_hour_that_its_client_counted(admin, service):
    tell(service, counts=[("/orders", 200, 8), ("/orders", 500, 2)])

    waiting = last_hour_of([service.id], now=timezone.now())[service.id]
    compact(now=timezone.now())
    hour = last_hour_of([service.id], now=timezone.now())[service.id]

    assert (hour.requests, hour.errors) == (waiting.requests, waiting.errors) == (10, 2)
    assert sum(hour.bars) == 10
    assert hour.p95_ms > 0
    assert "Requests, last hour" in text_of(admin.get(f"/services/{service.id}"))


def test_the_hour_does_not_add_logs_to_counts_of_them(service):
    keep_logs(service, *[a_log(environment="prod")] * 3, a_log(environment="staging"))
    tell(service, counts=[("/orders", 200, 3)])

    for _ in range(2):
        # 3 that both tell of, and the one that only the log tells.
        assert last_hour_of([service.id], now=timezone.now())[service.id].requests == 4
        compact(now=timezone.now())


def test_a_service_was_seen_when_its_process_was_heard_of_or_at_its_newest_log(service):
    now = timezone.now()
    assert last_seen(service, now=now) is None
    tell(service, seconds_ago=60)
    assert now - last_seen(service, now=now) > timedelta(seconds=50)

    keep_logs(service, a_log())

    assert now - last_seen(service, now=timezone.now()) < timedelta(seconds=50)


def test_endpoints_that_were_only_counted_were_called(reader, admin, service):
    tell(service, counts=[("/orders", 200, 3)], paths=[("GET", "/orders"), ("GET", "/never")])
    compact(now=timezone.now())

    called, never = reader.get("/v1/endpoints").json()

    assert (called["route"], called["requests"]) == ("/orders", 3)
    assert called["last_seen_at"] is not None
    assert (never["route"], never["requests"], never["last_seen_at"]) == ("/never", 0, None)
    page = text_of(admin.get("/endpoints"))
    assert page.count("never called") == 1
    assert "Counted, not listed" in text_of(admin.get(f"/endpoints/{called['id']}"))
    assert "Never called" in text_of(admin.get(f"/endpoints/{never['id']}"))


def test_instances_of_others_stay_theirs(reader):
    other = a_service()
    tell(other)

    assert reader.get(f"/v1/services/{other.id}/instances").status_code == 404
    assert Instance.objects.count() == 1
