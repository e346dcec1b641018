"""Made-up requests, and all test data gone by one word."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.events import record_event
from monitor.issues.grouping import group_errors
from monitor.metrics.compact import compact
from monitor.models import (
    AlertEvent,
    AuditEntry,
    Consumer,
    ErrorIssue,
    Event,
    LogPayload,
    MetricDelta,
    MetricRollup,
    RequestLog,
    Service,
    WebhookDelivery,
)
from monitor.sandbox import drop_test_data, fill
from monitor.sandbox.traffic import moments, traffic
from monitor.webhooks.endpoints import make_endpoint
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_rule,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    the_default_organization,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def owner(organization):
    return a_client(user=a_user(organization, "owner"))


def chance():
    return random.Random(7)  # noqa: S311


# --- What is made up ---------------------------------------------------------------------------------------


def test_it_looks_like_a_shop():
    logs = list(traffic(count=2_000, since=NOON - timedelta(days=1), until=NOON, chance=chance()))

    statuses = {log["status_code"] for log in logs}
    assert len(logs) == 2_000
    assert {200, 201, 401, 404, 422, 502} <= statuses
    assert 0.005 < sum(log["status_code"] >= 500 for log in logs) / len(logs) < 0.15
    assert {log["consumer"] for log in logs} == {"acme-corp", "globex", "initech", "umbrella"}
    assert {"/orders", "/orders/{order_id}", "/reports/sales"} <= {log["route"] for log in logs}
    assert max(log["latency_ms"] for log in logs) > 10 * sorted(log["latency_ms"] for log in logs)[1_000]


def test_moments_lie_within_the_window_in_order_and_by_day():
    found = moments(count=2_000, since=NOON - timedelta(days=2), until=NOON, chance=chance())

    assert found == sorted(found)
    assert found[0] >= NOON - timedelta(days=2)
    assert found[-1] < NOON
    by_day = sum(8 <= each.hour < 16 for each in found)
    assert by_day > 1.5 * sum(each.hour >= 20 or each.hour < 4 for each in found)


def test_it_goes_through_the_pipeline_in_test_mode_and_masked(organization):
    service = a_service(organization)
    a_rule(service, "status_code >= 500")

    kept = fill(service, requests=1_200, hours=24, now=timezone.now(), chance=chance())

    logs = RequestLog.objects.filter(service=service)
    assert kept == logs.count() == 1_200
    assert set(logs.values_list("mode", flat=True)) == {"test"}
    assert AlertEvent.objects.exists()
    assert not logs.filter(url__contains="sk_demo").exists()
    payments = [LogPayload.objects.contents_of(log.id) for log in logs.filter(path__endswith="/payment")]
    assert payments
    assert "4111 1111" not in str(payments)


def test_it_is_made_no_older_than_logs_are_kept(organization):
    service = a_service(organization, retention_days=1)

    fill(service, requests=50, hours=24 * 30, now=timezone.now(), chance=chance())

    oldest = RequestLog.objects.filter(service=service).order_by("id").first()
    assert oldest.captured_at > timezone.now() - timedelta(days=2)


# --- Faces -------------------------------------------------------------------------------------------------


def test_the_api_fills_a_sandbox_of_its_own(organization, owner):
    answer = post_json(owner, "/v1/sandbox", {"requests": 20})
    again = post_json(owner, "/v1/sandbox", {"requests": 5, "hours": 1})

    service = Service.objects.get(organization=organization)
    assert (answer.status_code, answer.json()) == (201, {"service_id": str(service.id), "kept": 20})
    assert (service.name, again.json()["service_id"]) == ("sandbox", str(service.id))
    assert AuditEntry.objects.filter(action="sandbox.filled").count() == 2


@pytest.mark.parametrize("body", [{"requests": 0}, {"requests": 5_001}, {"hours": 721}, {"service_id": "x"}])
def test_more_than_there_may_be_is_refused(owner, body):
    assert post_json(owner, "/v1/sandbox", body).status_code == 400


def test_a_field_that_it_does_not_have_is_named_and_nothing_is_made(owner):
    answer = post_json(owner, "/v1/sandbox", {"request": 5})

    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [
            {
                "field": "request",
                "pointer": "#/request",
                "code": "unknown",
                "message": "There is no such field.",
            }
        ],
    )
    assert not Service.objects.exists()


def test_another_organizations_service_is_not_filled(owner):
    other = a_service()

    assert post_json(owner, "/v1/sandbox", {"service_id": str(other.id)}).status_code == 404
    assert not RequestLog.objects.exists()


def test_the_page_fills_and_drops(organization, owner):
    assert "Make them" in owner.get("/sandbox").content.decode()

    filled = owner.post("/sandbox", {"organization": organization.id, "requests": 7, "hours": 24})
    unsure = owner.post("/sandbox/drop", {"organization": organization.id})
    dropped = owner.post("/sandbox/drop", {"organization": organization.id, "sure": "on"}, follow=True)

    assert filled.status_code == 302
    assert unsure.status_code == 400
    assert "Test data is being dropped" in dropped.content.decode()
    assert RequestLog.objects.count() == 7


def test_the_page_is_for_those_who_manage(organization):
    member = a_client(user=a_user(organization, "member"))

    assert member.get("/sandbox").status_code == 403
    assert member.post("/sandbox/drop", {}).status_code == 403


def test_a_foreign_organization_cannot_be_chosen(owner):
    other = an_organization()

    assert owner.post("/sandbox", {"organization": other.id, "requests": 7, "hours": 24}).status_code == 400
    assert owner.post("/sandbox/drop", {"organization": other.id, "sure": "on"}).status_code == 400


def test_the_command_fills_the_default_organization(capsys):
    the_default_organization()

    call_command("sandbox", requests=12)

    assert RequestLog.objects.filter(service__name="sandbox", mode="test").count() == 12
    assert "12 made-up requests" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no organization"):
        call_command("sandbox", organization="nobody")


# --- Dropping ----------------------------------------------------------------------------------------------


@pytest.fixture
def both(organization):
    """A service with live and test data of each kind, compacted and waiting."""
    service, now = a_service(organization, name="shop"), timezone.now()
    a_rule(service, "status_code >= 500")
    url = "https://shop.example/hook"
    for mode in ("live", "test"):
        make_endpoint(organization=organization, url=url, enabled_events=["*"], mode=mode, now=now)
        failed = a_log(status_code=500, consumer=mode, request_body="{}")
        keep_logs(service, failed, a_log(), mode=mode)
        record_event(
            organization_id=organization.id, type="order.shipped", data={}, mode=mode, now=timezone.now()
        )
    group_errors(now=now)
    compact(now=now)
    for mode in ("live", "test"):
        keep_logs(service, a_log(status_code=500), mode=mode)
    assert MetricDelta.objects.exists()
    return service


def test_all_test_data_goes_and_all_live_data_stays(organization, both):
    key, _ = a_key(both, mode="test")

    assert drop_test_data(organization.id, now=timezone.now()) == 3

    assert list(RequestLog.objects.values_list("mode", flat=True)) == ["live"] * 3
    assert LogPayload.objects.count() == 1
    assert set(MetricRollup.objects.values_list("mode", flat=True)) == {"live"}
    assert set(ErrorIssue.objects.values_list("mode", flat=True)) == {"live"}
    assert set(Event.objects.values_list("mode", flat=True)) == {"live"}
    assert set(WebhookDelivery.objects.values_list("event__mode", flat=True)) == {"live"}
    assert AlertEvent.objects.count() == 2
    assert Consumer.objects.filter(identifier="test").exists()
    assert key.__class__.objects.filter(id=key.id).exists()


def test_the_numbers_of_live_requests_are_as_before(organization, both):
    client = a_client(a_key(both, scopes=["read"])[1])
    before = client.get("/v1/metrics?mode=live").json()

    drop_test_data(organization.id, now=timezone.now())

    after = client.get("/v1/metrics").json()
    assert (after["total_requests"], before["total_requests"]) == (3, 3)
    assert client.get("/v1/metrics?mode=test").json()["total_requests"] == 0


def test_dropping_twice_is_harmless_and_others_keep_theirs(organization, both):
    other = a_service()
    keep_logs(other, a_log(), mode="test")

    drop_test_data(organization.id, now=timezone.now())

    assert drop_test_data(organization.id, now=timezone.now()) == 0
    assert RequestLog.objects.filter(service=other, mode="test").count() == 1


def test_many_go_in_bites(organization, monkeypatch):
    monkeypatch.setattr("monitor.sandbox.drop.ROWS_A_BITE", 10)
    service = a_service(organization)
    keep_logs(service, *(a_log(path=f"/{n}") for n in range(35)), mode="test")

    assert drop_test_data(organization.id, now=timezone.now()) == 35
    assert not RequestLog.objects.exists()


def test_one_command_drops_it(organization, both, capsys):
    call_command("drop_test_data", organization=organization.name)

    assert not RequestLog.objects.filter(mode="test").exists()
    assert "3 logs of test mode" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no organization"):
        call_command("drop_test_data", organization="nobody")


def test_the_api_has_it_dropped_by_a_task(organization, owner):
    assert owner.delete("/v1/sandbox").status_code == 202

    job = ProcrastinateJob.objects.get(task_name="monitor.sandbox.tasks.drop_sandbox")
    assert job.args == {"organization_id": str(organization.id)}
    assert AuditEntry.objects.filter(action="sandbox.dropped").exists()
