"""What is not kept: rules, the answer at every door, and the counts."""

import json
import re
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.health.flushing import flush
from monitor.ingest.accept import prepare_all
from monitor.ingest.decode import convert_item
from monitor.ingest.doors import sender_of
from monitor.ingest.entry import Sender
from monitor.ingest.growing import Series
from monitor.ingest.keep import Kept
from monitor.ingest.reports import Count, ErrorGroup, Report, keep_report
from monitor.lib.actors import Role
from monitor.lib.tally import counts
from monitor.models import Counter, Endpoint, ErrorCount, ExclusionRule, RequestLog, Service
from monitor.services.exclusions import MAX_RULES, USUAL, BadRule, RuleTaken, add_rule, add_usual
from monitor.services.purge import purge
from tests.admin.markup import blocked_in
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs, post_json

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_counts():
    counts.take()


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def admin(service):
    return a_client(user=a_user(service.organization, Role.ADMIN))


@pytest.fixture
def sender(service):
    return a_client(a_key(service, scopes=["ingest"])[1])


def exclude(service, pattern, kind="path"):
    return add_rule(service, kind=kind, pattern=pattern, by="user:ada")


def dropped(client, service):
    flush(now=timezone.now())
    rows = client.get(f"/v1/services/{service.id}/exclusions").json()
    return {row["pattern"]: row["dropped"] for row in rows}


def words(markup):
    return " ".join(unescape(strip_tags(markup)).split())


def test_a_single_log_under_a_rule_is_answered_as_taken_and_not_kept(service, sender, admin):
    rule = exclude(service, "/health")

    answer = post_json(sender, "/v1/logs", a_log(path="/health"))

    assert (answer.status_code, answer.json()) == (202, {"id": None, "excluded_by": str(rule.id)})
    assert not RequestLog.objects.exists()
    assert dropped(admin, service) == {"/health": 1}


def test_a_batch_says_how_many_were_excluded_and_places_of_others_stay_right(service, sender, admin):
    exclude(service, "/health")
    items = [
        a_log(path="/health"),
        a_log(path="/a"),
        {"method": "GET"},
        a_log(path="/health/"),
        a_log(path="/b"),
    ]

    answer = post_json(sender, "/v1/logs/batch", items)

    body = answer.json()
    assert answer.status_code == 207
    assert (body["accepted"], body["rejected"], body["excluded"]) == (2, 1, 2)
    assert [error["index"] for error in body["errors"]] == [2]
    logs = RequestLog.objects.order_by("id").values_list("path", flat=True)
    assert {str(id_) for id_ in RequestLog.objects.values_list("id", flat=True)} == set(body["ids"])
    assert set(logs) == {"/a", "/b"}
    assert dropped(admin, service) == {"/health": 2}


def test_a_batch_of_nothing_else_is_well_taken(service, sender):
    exclude(service, "/health")

    answer = post_json(sender, "/v1/logs/batch", [a_log(path="/health")] * 3)

    assert answer.status_code == 201
    assert answer.json() == {"accepted": 0, "rejected": 0, "excluded": 3, "ids": [], "errors": []}


@pytest.mark.parametrize(
    ("headers", "is_kept"),
    [
        ({"User-Agent": "kube-probe/1.29"}, False),
        ({"user-agent": ["KUBE-PROBE/1"]}, False),
        ({"user_agent": "kube-probe"}, False),
        ({"User-Agent": "curl/8"}, True),
        ({"X-Agent": "kube-probe"}, True),
        (None, True),
    ],
)
def test_a_user_agent_is_known_by_a_part_of_it(service, sender, headers, is_kept):
    exclude(service, "kube-probe", kind="user_agent")

    post_json(sender, "/v1/logs", a_log(request_headers=headers))

    assert RequestLog.objects.exists() == is_kept


def test_what_keeping_fails_for_is_told_at_its_own_place(service):
    """Excluded items stand between those that were tried to be kept."""
    exclude(service, "/health")
    key, _ = a_key(Service.objects.get(id=service.id))
    items = [convert_item(a_log(path=path)) for path in ("/health", "/a", "/health", "/b")]
    outcome = prepare_all(items, sender_of(key), now=timezone.now())

    kept = Kept(new_ids={outcome.entries[0].id}, failures={outcome.entries[1].id: ValueError("no")})

    assert [each.index for each in outcome.after(kept).rejections] == [3]


def test_open_telemetry_takes_an_excluded_request_as_taken(service, sender):
    exclude(service, "/health")
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "GET",
        "kind": 2,
        "startTimeUnixNano": str(int(timezone.now().timestamp() * 1e9)),
        "endTimeUnixNano": str(int(timezone.now().timestamp() * 1e9) + 1000),
        "attributes": [
            {"key": "http.request.method", "value": {"stringValue": "GET"}},
            {"key": "url.path", "value": {"stringValue": "/health"}},
        ],
    }

    answer = post_json(sender, "/otlp/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    assert (answer.status_code, answer.json()) == (200, {})
    assert not RequestLog.objects.exists()


def test_rules_cost_ingestion_no_query(service, sender):
    post_json(sender, "/v1/logs", a_log())
    with CaptureQueriesContext(connection) as before:
        post_json(sender, "/v1/logs", a_log())
    exclude(service, "/health")
    exclude(service, "kube-probe", kind="user_agent")
    with CaptureQueriesContext(connection) as after:
        post_json(sender, "/v1/logs", a_log())

    assert len(after) == len(before)


def test_other_services_keep_theirs(service):
    exclude(service, "/health")
    other = a_client(a_key(a_service(service.organization), scopes=["ingest"])[1])

    assert post_json(other, "/v1/logs", a_log(path="/health")).status_code == 201


# --- Rules -------------------------------------------------------------------------------------------------


def test_rules_are_made_listed_and_removed_by_the_api(service, sender, admin):
    address = f"/v1/services/{service.id}/exclusions"

    made = post_json(admin, address, {"kind": "path", "pattern": " /health "})
    again = post_json(admin, address, {"kind": "path", "pattern": "/health"})

    assert (made.status_code, made.json()["pattern"], made.json()["dropped"]) == (201, "/health", 0)
    assert again.status_code == 409
    assert admin.delete(f"{address}/{made.json()['id']}").status_code == 204
    assert admin.get(address).json() == []
    assert post_json(sender, "/v1/logs", a_log(path="/health")).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "path", "pattern": "health"},
        {"kind": "user_agent", "pattern": "a"},
        {"kind": "method", "pattern": "/x"},
        {"kind": "path"},
        {"kind": "path", "pattern": 5},
    ],
)
def test_what_is_no_rule_is_refused(service, admin, body):
    answer = post_json(admin, f"/v1/services/{service.id}/exclusions", body)

    assert answer.status_code == 400
    assert not ExclusionRule.objects.exists()


def test_a_rule_is_reached_by_its_own_service_alone(service, admin):
    theirs = exclude(a_service(an_organization()), "/theirs")
    address = f"/v1/services/{theirs.service_id}/exclusions"

    assert admin.get(address).status_code == 404
    assert admin.delete(f"/v1/services/{service.id}/exclusions/{theirs.id}").status_code == 404
    assert ExclusionRule.objects.exists()


def test_there_are_so_many_rules_and_no_more(service):
    for number in range(MAX_RULES):
        exclude(service, f"/p{number}")

    with pytest.raises(BadRule):
        exclude(service, "/one-more")
    with pytest.raises(RuleTaken):
        exclude(service, "/p1")
    assert add_usual(service, by="u") == 0


def test_a_removed_rule_or_service_leaves_no_count(service, sender, admin):
    rules = [exclude(service, "/a"), exclude(service, "/b")]
    for path in ("/a", "/b"):
        post_json(sender, "/v1/logs", a_log(path=path))
    assert dropped(admin, service) == {"/a": 1, "/b": 1}

    admin.delete(f"/v1/services/{service.id}/exclusions/{rules[0].id}")
    assert Counter.objects.filter(name="excluded_by_rule").count() == 1
    Service.objects.get(id=service.id).mark_deleted(now=timezone.now())
    purge(service.id)

    assert not Counter.objects.filter(name="excluded_by_rule").exists()


# --- The page ----------------------------------------------------------------------------------------------


def test_the_page_adds_counts_and_removes(service, sender, admin):
    address = f"/services/{service.id}/exclusions"
    assert "Everything is kept" in words(admin.get(address).content.decode())

    admin.post(address, {"action": "add", "kind": "path", "pattern": "/health"})
    post_json(sender, "/v1/logs", a_log(path="/health"))
    flush(now=timezone.now())
    page = admin.get(address).content.decode()

    assert "/health path 1 " in words(page)
    assert blocked_in(page) == []
    rule = re.search(r'name="rule" value="(.*?)"', page)[1]
    admin.post(address, {"action": "remove", "rule": rule})
    assert not ExclusionRule.objects.exists()
    assert Service.objects.get().exclusions == []


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(service, admin):
    page = admin.post(
        f"/services/{service.id}/exclusions", {"action": "add", "kind": "path", "pattern": "health"}
    )

    assert page.status_code == 400
    assert 'value="health"' in page.content.decode()
    assert "A path begins with /" in words(page.content.decode())


def test_the_usual_ones_are_added_at_once(service, admin):
    page = admin.post(f"/services/{service.id}/exclusions", {"action": "usual"}, follow=True).content.decode()

    assert ExclusionRule.objects.count() == len(USUAL)
    assert "Add the usual ones" not in page
    assert len(json.dumps(Service.objects.get().exclusions)) < 4_000


def test_viewers_see_the_rules_and_change_none(service):
    exclude(service, "/health")
    viewer = a_client(user=a_user(service.organization, Role.VIEWER))
    address = f"/services/{service.id}/exclusions"

    page = viewer.get(address).content.decode()
    assert "/health" in words(page)
    assert 'name="pattern"' not in page
    assert viewer.post(address, {"action": "usual"}).status_code == 403


# --- What clients count ------------------------------------------------------------------------------------


def counted(route, requests, *, series=None):
    now = timezone.now()
    grows = Series(name=series, until_ns=int(now.timestamp() * 1e9)) if series else None
    return Count(counted_at=now, method="GET", route=route, status_code=200, requests=requests, series=grows)


def tell(service, *counts, message_id=None, **members):
    sender = Sender.of_service(Service.objects.get(id=service.id), mode="live")
    message_id = message_id or str(uuid4())
    keep_report(
        Report(message_id=message_id, environment="dev", counts=counts, **members), sender, now=timezone.now()
    )


def dropped_counts(client, service):
    flush(now=timezone.now())
    rows = client.get(f"/v1/services/{service.id}/exclusions").json()
    return {row["pattern"]: (row["dropped"], row["dropped_counts"]) for row in rows}


def test_a_rule_for_a_path_leaves_out_what_clients_count_and_tell_of_it(service, admin):
    exclude(service, "/health/*")
    exclude(service, "kube-probe", kind="user_agent")
    failed = {"kind": "server", "method": "GET", "type": "Boom", "message": "no", "count": 1}
    told = {
        "paths": [("GET", "/health/{check}"), ("GET", "/orders")],
        "errors": [ErrorGroup(route="/health/{check}", **failed), ErrorGroup(route="/orders", **failed)],
    }

    for _ in range(2):
        tell(service, counted("/health/{check}", 7), counted("/orders", 3), message_id="once", **told)

    numbers = admin.get("/v1/metrics", {"group_by": "endpoint"}).json()
    assert [(group["name"], group["total_requests"]) for group in numbers["groups"]] == [("GET /orders", 3)]
    assert list(Endpoint.objects.values_list("route", flat=True)) == ["/orders"]
    assert ErrorCount.objects.get().endpoint.route == "/orders"
    assert dropped_counts(admin, service) == {"/health/*": (0, 7), "kube-probe": (0, 0)}
    assert "and 7 in counts" in words(admin.get(f"/services/{service.id}/exclusions").text)


def test_a_rule_leaves_out_no_count_that_may_be_of_other_paths_too(service, admin):
    exclude(service, "/files/report")

    tell(service, counted("/files/{name}", 2))

    assert admin.get("/v1/metrics").json()["total_requests"] == 2


def test_a_count_that_grows_is_dropped_by_what_is_new_and_kept_from_where_the_rule_ends(service, admin):
    rule = exclude(service, "/health")
    tell(service, counted("/health", 5, series=b"one"))
    tell(service, counted("/health", 8, series=b"one"))
    assert dropped_counts(admin, service) == {"/health": (0, 8)}

    admin.delete(f"/v1/services/{service.id}/exclusions/{rule.id}")
    tell(service, counted("/health", 10, series=b"one"))

    assert admin.get("/v1/metrics").json()["total_requests"] == 2


def test_a_day_of_which_everything_counted_is_excluded_is_told_by_the_logs(service, admin):
    exclude(service, "/health")
    keep_logs(service, a_log(path="/a", environment="dev"))

    tell(service, counted("/health", 5))

    told = admin.get("/v1/metrics").json()
    assert (told["total_requests"], told["source"]) == (1, "logs")
