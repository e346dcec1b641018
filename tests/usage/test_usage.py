"""What was used is what counting by hand gives, by whom it was used."""

import csv
import io
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.db.models import Count, F, Sum
from django.utils import timezone

from monitor.models import ApiKey, Beat, Replay, RequestLog, UsageDay, UsageDelta
from monitor.usage import Use, count_call, flush_calls, record_use
from monitor.usage.add_up import add_up
from monitor.usage.calls import _calls
from monitor.usage.record import columns_of
from monitor.usage.tasks import forget_old_usage
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
)
from tests.monitors.scenes import a_monitor, check
from tests.web import running_web_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_called_yet():
    _calls.take()
    yield
    _calls.take()


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def manager(service):
    return a_client(user=a_user(service.organization, "admin"))


def used(client, **question):
    answer = client.get("/v1/usage", question)
    assert answer.status_code == 200, answer.content
    return answer.json()


def by_hand(service):
    """Logs and bytes, counted in the logs themselves."""
    return RequestLog.objects.filter(service=service).aggregate(
        logs=Count("id"), bytes=Sum(F("request_bytes") + F("response_bytes"))
    )


def test_logs_and_bytes_are_those_that_counting_the_logs_gives(service, manager):
    logs = [a_log(request_body="x" * number, response_body="yy") for number in range(7)]
    keep_logs(service, *logs[:4])
    add_up()
    keep_logs(service, *logs[4:])

    (row,) = used(manager)

    assert {name: row[name] for name in ("logs", "bytes")} == by_hand(service)
    assert row["logs"] == 7
    assert row["day"] == timezone.now().date().isoformat()


def test_adding_up_changes_nothing_of_what_is_told(service, manager):
    keep_logs(service, a_log())
    before = used(manager, group_by="day,key,mode")
    add_up()
    add_up()

    assert [{**row, "requests": 0} for row in used(manager, group_by="day,key,mode") if row["logs"]] == before
    assert not UsageDelta.objects.filter(logs__gt=0).exists()


def test_a_repeat_is_not_used_twice(service, manager):
    now = timezone.now()
    log = a_log(event_id="one", timestamp=(now - timedelta(minutes=1)).timestamp())
    for _ in range(2):
        keep_logs(service, log, now=now)

    assert used(manager)[0]["logs"] == 1


def test_each_key_has_its_own_and_so_has_each_mode(service, manager):
    keys = [a_key(service), a_key(service, mode="test")]
    for times, (_, raw) in enumerate(keys, start=1):
        for _ in range(times):
            assert post_json(a_client(raw), "/v1/logs", a_log()).status_code == 201

    rows = {row["key_id"]: row for row in used(manager, group_by="key,mode")}

    assert [rows[str(key.id)]["logs"] for key, _ in keys] == [1, 2]
    assert [rows[str(key.id)]["requests"] for key, _ in keys] == [1, 2]
    assert [rows[str(key.id)]["mode"] for key, _ in keys] == ["live", "test"]
    assert rows[str(keys[0][0].id)]["key_name"] == "tests"
    assert [row["logs"] for row in used(manager, mode="test")] == [2]
    assert [row["logs"] for row in used(manager, key_id=str(keys[0][0].id))] == [1]


def test_replays_and_checks_are_their_own_rows_counted(service, manager, settings):
    (log_id,) = keep_logs(service, a_log(url="http://127.0.0.1:9/orders", path="/orders"))
    service.base_url = "http://127.0.0.1:9"
    service.save(update_fields=["base_url"])
    settings.QUICK_START = True
    key, raw = a_key(service)
    for _ in range(2):
        answer = post_json(a_client(raw), f"/v1/logs/{log_id}/replay", {})
        assert answer.status_code == 201, answer.content
    monitor = a_monitor(service.organization, kind="manual", service=service)
    check(monitor)

    (row,) = used(manager)
    (of_key,) = used(manager, key_id=str(key.id))

    assert row["replays"] == of_key["replays"] == Replay.objects.count() == 2
    assert row["checks"] == Beat.objects.count() == 1


def test_calls_are_counted_in_memory_and_written_together(service, django_assert_num_queries):
    key, raw = a_key(service)
    client = a_client(raw)
    for _ in range(5):
        client.get("/v1/services")
    client.get("/v1/services/nonsense")
    a_client("mkey_typo").get("/v1/services")
    a_client().get("/v1/services")
    assert not UsageDelta.objects.exists()

    with django_assert_num_queries(1):
        flush_calls(now=timezone.now())

    (delta,) = UsageDelta.objects.all()
    assert (delta.requests, delta.key_id, delta.mode) == (6, key.id, "live")


def test_calls_that_cannot_be_written_are_kept_for_the_next_time(service, monkeypatch):
    count_call(service.organization_id, key_id=None, mode="")
    with monkeypatch.context() as broken:
        broken.setattr("monitor.usage.calls.record_use", lambda uses: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            flush_calls(now=timezone.now())

    flush_calls(now=timezone.now())

    assert UsageDelta.objects.get().requests == 1


def test_days_come_newest_first_and_a_window_leaves_its_end(service, manager):
    today = timezone.now().date()
    days = [today - timedelta(days=number) for number in range(3)]
    record_use(
        Use(organization_id=service.organization_id, day=day, checks=number)
        for number, day in enumerate(days, start=1)
    )

    assert [row["checks"] for row in used(manager)] == [1, 2, 3]
    window = {"since": days[2].isoformat(), "until": days[0].isoformat()}
    assert [row["checks"] for row in used(manager, **window)] == [2, 3]
    (whole,) = used(manager, group_by="organization")
    assert (whole["checks"], whole["organization"], whole["day"]) == (
        6,
        str(service.organization_id),
        None,
    )


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-21", "until": "2026-11-21"}, "until"),
        ({"since": "2020-01-01"}, "since"),
        ({"group_by": "service"}, "group_by"),
        ({"mode": "both"}, "mode"),
        ({"key_id": "x"}, "key_id"),
        ({"format": "xml"}, "format"),
    ],
)
def test_what_cannot_be_asked_is_named(manager, question, field):
    answer = manager.get("/v1/usage", question)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_the_same_as_csv(service, manager):
    a_key_named_formula, raw = a_key(service, name="=1+1")
    post_json(a_client(raw), "/v1/logs", a_log())

    answer = manager.get("/v1/usage?format=csv&group_by=day,key")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    (row,) = [row for row in rows if row["key_id"]]
    assert (row["logs"], row["key_id"], row["key_name"]) == ("1", str(a_key_named_formula.id), "'=1+1")


def test_a_key_of_a_service_sees_what_came_with_the_keys_of_that_service(service):
    sibling = a_service(service.organization)
    raw = a_key(service)[1]
    for each in (raw, a_key(sibling)[1]):
        post_json(a_client(each), "/v1/logs", a_log())
    keep_logs(service, a_log())

    assert [row["logs"] for row in used(a_client(raw))] == [1]


def test_another_organization_sees_nothing_of_it(service):
    keep_logs(service, a_log())
    stranger = a_client(user=a_user(an_organization(), "owner"))

    assert [row for row in used(stranger, group_by="organization") if row["logs"]] == []
    assert used(stranger, organization=str(service.organization_id)) == []


def test_what_an_organization_used_goes_with_it_and_what_a_key_used_stays(service, manager):
    key, raw = a_key(service)
    post_json(a_client(raw), "/v1/logs", a_log())
    ApiKey.objects.filter(id=key.id).delete()
    assert [row["key_name"] for row in used(manager, key_id=str(key.id), group_by="key")] == ["removed key"]

    other = a_service()
    keep_logs(other, a_log())
    other.organization.delete()
    add_up()
    assert set(UsageDay.objects.values_list("organization", flat=True)) == {service.organization_id}


def test_usage_is_kept_for_400_days(service):
    today = timezone.now().date()
    for days in (400, 401):
        record_use([Use(organization_id=service.organization_id, day=today - timedelta(days=days), checks=1)])
    add_up()

    forget_old_usage(timestamp=0)

    assert [row.day for row in UsageDay.objects.all()] == [today - timedelta(days=400)]


def test_logs_that_arrived_on_two_days_are_told_apart():
    class Kept:
        organization_id, key_id, mode, request_bytes, response_bytes = "o", None, "live", 1, None

        def __init__(self, received_at):
            self.received_at = received_at

    night = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    columns = columns_of([Kept(night), Kept(night), Kept(night + timedelta(seconds=2))])

    assert columns[3] == [night.date(), night.date() + timedelta(days=1)]
    assert columns[4:] == [[2, 1], [2, 1]]


def test_the_page_draws_each_metric_and_names_the_keys(service, manager, django_assert_max_num_queries):
    _, raw = a_key(service, name="production")
    post_json(a_client(raw), "/v1/logs", a_log())
    manager.get("/usage")

    # The session, the person, the membership, the calls that were made, days, keys, and the keys' names.
    with django_assert_max_num_queries(8):
        page = manager.get("/usage")

    text = page.content.decode()
    assert page.status_code == 200
    assert text.count("<svg") >= 6
    assert "production" in text
    assert "/v1/usage?format=csv&amp;group_by=day,key,mode" in text


def test_the_page_says_what_is_wrong_with_a_question(manager):
    assert "Must be a day" in manager.get("/usage?since=yesterday").content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_lane_and_the_views_count_alike():
    service = a_service()
    key, raw = a_key(service)
    headers = {"Authorization": f"Bearer {raw}"}
    with running_web_server() as server:
        for _ in range(3):
            httpx.post(
                f"{server.address}/v1/logs", json=a_log(request_body="abc"), headers=headers, timeout=60
            )
        httpx.post(f"{server.address}/v1/logs/batch", json=[a_log()] * 10, headers=headers, timeout=60)
        (row,) = httpx.get(f"{server.address}/v1/usage", headers=headers, timeout=60).json()

    assert (row["logs"], row["bytes"], row["requests"]) == (13, 9, 4)
    assert RequestLog.objects.count() == 13
    # The call that asked is counted once it is answered, and handed over at the server's stop.
    assert used(a_client(raw))[0]["requests"] == 5
    assert key.id
