"""The pages for managers: health and storage."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from monitor.events import record_event
from monitor.health import look
from monitor.lib.counting import count_kept, count_rejected
from monitor.lib.tally import counts
from monitor.models import StorageEvent, WebhookDelivery
from monitor.models.partitions import drop_day, make_day
from monitor.retention import enforce, make_days_ahead
from monitor.webhooks.endpoints import make_endpoint
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs, rfc3339

PAGES = ["/health-ui", "/storage"]


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    counts.take()
    yield
    counts.take()


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture
def manager(organization):
    return a_client(user=a_user(organization, "admin"))


@pytest.fixture
def working(db):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")


def text(answer):
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_for_managers(organization, manager, page):
    viewer = a_client(user=a_user(organization, "viewer"))

    assert manager.get(page).status_code == 200
    assert viewer.get(page).status_code == 403
    assert f'href="{page}"' in text(manager.get("/"))
    assert f'href="{page}"' not in text(viewer.get("/"))


def test_storage_tells_each_services_size_and_dates_and_no_strangers(organization, manager):
    mine = a_service(organization, name="mine", retention_days=3)
    other = a_service(name="not mine")
    now = timezone.now()
    keep_logs(mine, *[a_log(request_body="x" * 500)] * 30)
    keep_logs(other, a_log())

    page = manager.get("/storage")
    storage = page.context["storage"]

    [row] = storage.services
    assert row.service == mine
    assert 0 < row.size_bytes < storage.logs_bytes
    assert row.oldest_at is not None
    assert row.next_drop == (now + timedelta(days=4)).date()
    assert "not mine" not in text(page)


def test_the_next_drop_of_a_service_is_that_of_what_goes_first(organization, manager):
    now = timezone.now()
    service = a_service(organization, retention_days=7, error_retention_days=60)
    for age, status in ((10, 500), (3, 200)):
        then = now - timedelta(days=age)
        keep_logs(service, a_log(status_code=status, timestamp=rfc3339(then)), now=then)

    [row] = manager.get("/storage").context["storage"].services

    assert row.oldest_at.date() == (now - timedelta(days=10)).date()
    assert row.next_drop == (now + timedelta(days=5)).date()


def test_the_health_page_draws_what_came_in_and_what_was_refused(manager):
    count_kept(new=1234, repeated=0)
    count_rejected("key_expired", 5)

    page = text(manager.get("/health-ui"))

    assert "No log in the last hour" not in page
    assert "1,234" in page or "1234" in page
    assert "key_expired" in page


def test_a_day_that_should_be_gone_is_a_warning_until_it_is(manager, working, settings):
    make_days_ahead(now=timezone.now())
    old = timezone.now().date() - timedelta(days=400)
    make_day(old)

    assert "Retention lags" in text(manager.get("/storage"))
    assert any("Retention lags: 1 day" in words for words in look(now=timezone.now()).warnings)
    enforce(now=timezone.now())

    assert "Retention lags" not in text(manager.get("/storage"))
    assert f"Dropped the logs of {old}" in text(manager.get("/storage"))
    assert look(now=timezone.now()).warnings == []
    assert "All is well." in text(manager.get("/health-ui"))


def test_without_a_worker_the_page_says_so(manager):
    assert "No worker is running" in text(manager.get("/health-ui"))


def test_webhooks_that_nobody_sends_are_a_warning(manager):
    organization, now = an_organization(), timezone.now()
    url = "https://shop.example/hook"
    make_endpoint(organization=organization, url=url, enabled_events=["*"], now=now)
    begin = now - timedelta(hours=1)
    record_event(organization_id=organization.id, type="order.shipped", data={}, now=begin)

    assert "Webhooks wait for 60 minutes" in text(manager.get("/health-ui"))
    WebhookDelivery.objects.update(status="leased")
    assert "Webhooks wait" not in text(manager.get("/health-ui"))
    WebhookDelivery.objects.update(status="pending", next_attempt_at=now + timedelta(hours=1))
    assert "Webhooks wait" not in text(manager.get("/health-ui"))


def test_a_retention_that_was_not_enforced_for_hours_is_a_warning(working):
    now = timezone.now()
    enforce(now=now - timedelta(hours=4))

    assert any("more than 3 hours ago" in words for words in look(now=now).warnings)


def test_what_the_guard_dropped_stands_out(manager):
    words = "Dropped the logs of 2026-01-01 before their time: the disk is full."
    StorageEvent.objects.create(kind="dropped", cause="disk", message=words, happened_at=timezone.now())

    page = text(manager.get("/storage"))

    assert '<span class="pill pill-bad">Disk guard</span>' in page
    assert words in page


def test_an_empty_installation_has_its_pages(manager, db):
    from monitor.models.partitions import existing_days

    for day in existing_days():
        drop_day(day)

    assert [manager.get(page).status_code for page in PAGES] == [200, 200]
