"""The front page's numbers, against a count by hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.admin import overview
from monitor.admin.limits import TookTooLong
from monitor.models import Service
from tests.admin.conftest import keep

pytestmark = pytest.mark.django_db


def test_the_numbers_equal_a_count_by_hand(admin, service):
    other = Service.objects.create(organization=service.organization, name="customers")
    Service.objects.create(organization=service.organization, name="silent")
    keep(service, *({"status_code": 200, "latency_ms": float(number)} for number in range(1, 18)))
    keep(service, {"status_code": 500, "latency_ms": 18.0}, {"status_code": 404, "latency_ms": 19.0})
    keep(other, {"error": "cut off"}, ago=timedelta(minutes=30))
    keep(service, {"status_code": 500}, ago=timedelta(minutes=61))

    front = admin.get("/admin/").context["overview"]

    assert (front.totals.total_requests, front.totals.error_count) == (20, 2)
    assert front.totals.error_rate == 0.1
    # 19 latencies from 1 to 19 ms: rank 0.95 of 18 steps is 17.1 above the first.
    assert front.totals.p95_latency_ms == pytest.approx(18.1)
    rows = [(row.service.name, row.requests, row.errors, row.p95_latency_ms) for row in front.services]
    assert rows == [("orders", 19, 1, pytest.approx(18.1)), ("customers", 1, 1, None)]
    assert front.silent_services == 1
    assert [log.error or log.status_code for log in front.newest_errors] == [500, "cut off"]


def test_the_minutes_add_up_to_the_hour(service):
    now = timezone.now()
    for minutes in (1, 1, 7, 59):
        keep(service, {"status_code": 200, "latency_ms": float(minutes)}, ago=timedelta(minutes=minutes))
    keep(service, {"status_code": 503, "latency_ms": 2.0}, {}, ago=timedelta(minutes=7))

    hour = overview.last_hour(now=now)

    assert sum(minute.total for minute in hour.minutes) == hour.totals.total_requests == 6
    assert sum(minute.errors for minute in hour.minutes) == 1
    assert sum(sum(minute.by_class.values()) for minute in hour.minutes) == 6


def test_the_page_shows_the_numbers_in_words(admin, service):
    keep(service, *({"status_code": 200} for _ in range(1200)), {"status_code": 502, "path": "/broken"})

    page = admin.get("/admin/").text

    assert "1,201" in page
    assert "0.08 %" in page
    assert "GET /broken" in page


def test_logs_of_removed_services_are_not_counted(admin, service):
    keep(service, {})
    service.mark_deleted(now=timezone.now())

    assert admin.get("/admin/").context["overview"].totals.total_requests == 0


def test_without_services_the_page_says_what_to_do_first(admin):
    page = admin.get("/admin/").text

    assert "No services yet" in page
    assert "/admin/monitor/service/add/" in page


def test_an_hour_without_requests_is_said_and_not_drawn_as_zeros(admin, service):
    page = admin.get("/admin/").text

    assert "No requests within the last hour" in page
    assert "Error rate" not in page


def test_an_hour_without_errors_is_said(admin, service):
    keep(service, {"status_code": 200})

    assert "None. Every request of the hour" in admin.get("/admin/").text


def test_more_services_than_the_list_holds_are_counted(service):
    for number in range(overview.BUSIEST + 2):
        keep(Service.objects.create(organization=service.organization, name=f"s{number}"), {})

    hour = overview.last_hour(now=timezone.now())

    assert len(hour.services) == overview.BUSIEST
    assert (hour.other_services, hour.silent_services) == (2, 1)


def test_an_hour_that_takes_too_long_is_said_and_the_menu_stays(admin, service, monkeypatch):
    keep(service, {})

    def too_long(*, now):
        raise TookTooLong

    monkeypatch.setattr("monitor.admin.site.last_hour", too_long)

    page = admin.get("/admin/")

    assert page.status_code == 200
    assert "measuring the hour took too long" in page.text
    assert "API keys" in page.text
