"""Errors that clients count become issues where no log tells of them, never added to those of logs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from monitor.endpoints.history import carry_out
from monitor.endpoints.reshape import merge, split
from monitor.ingest.entry import Sender
from monitor.ingest.reports import ErrorGroup, Report, keep_report
from monitor.issues.from_counts import group_counts
from monitor.issues.grouping import group_errors
from monitor.issues.states import change_state
from monitor.models import Endpoint, ErrorCount, ErrorIssue
from tests.factories import a_client, a_key, a_log, a_service, a_user, keep_logs

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return a_service()


def tell(service, *errors, at=None, **members):
    """As a client tells of errors that it counted by itself; two minutes ago, if nothing else is said."""
    now = timezone.now()
    at = at or now - 2 * MINUTE
    groups = [error(**each) for each in errors]
    report = Report(message_id=str(uuid4()), environment="", told_at=at, errors=groups, **members)
    keep_report(report, Sender.of_service(service, mode="live"), now=now)


def error(**fields):
    crash = {
        "kind": "server",
        "method": "GET",
        "route": "/boom",
        "type": "ValueError",
        "message": "No order 7",
    }
    return ErrorGroup(**{**crash, "count": 1, **fields})


INVALID = {
    "kind": "validation",
    "method": "POST",
    "route": "/orders",
    "type": "greater_than",
    "message": "Input should be greater than 0",
    "field": "body.items.3.price",
}


def told():
    found = ErrorIssue.objects.values_list(
        "kind", "field", "message", "requests", "consumers", "endpoint__route"
    )
    return set(found)


def test_errors_that_a_client_counts_are_issues_by_endpoint_field_and_message(service):
    tell(service, {"count": 3, "consumer": "ada"}, {"message": "No order 8", "consumer": "zen"})
    tell(service, {**INVALID, "count": 2}, {**INVALID, "field": "body.items.0.price"})

    group_counts(now=timezone.now())

    assert told() == {
        ("server", "", "ValueError: No order {n}", 4, 2, "/boom"),
        ("validation", "body.items[].price", "Input should be greater than {n}", 3, 0, "/orders"),
    }
    issue = ErrorIssue.objects.get(kind="server")
    assert (issue.is_reported, issue.samples, issue.state) == (True, [], "open")
    assert sum(issue.hours.values_list("requests", flat=True)) == 4
    met = set(issue.affected.values_list("consumer__identifier", "requests"))
    assert met == {("ada", 3), ("zen", 1)}


def test_what_is_counted_again_adds_what_is_new_and_a_second_look_nothing(service):
    for count in (3, 2):
        tell(service, {"count": count})
        group_counts(now=timezone.now())
        group_counts(now=timezone.now())

    assert ErrorIssue.objects.get().requests == 5
    assert ErrorCount.objects.get().grouped == 5


def test_where_a_log_tells_of_it_the_counts_are_never_added(service):
    # Of one moment: soon after midnight the counts of two minutes ago are of another day.
    at = timezone.now() - 2 * MINUTE
    failed = a_log(route="/boom", status_code=500, error="ValueError: No order 7", timestamp=at.isoformat())
    keep_logs(service, failed)
    group_errors(now=timezone.now())
    tell(service, {"count": 7}, {"count": 2, "route": "/other"}, at=at)

    group_counts(now=timezone.now())

    assert told() == {
        ("server", "", "ValueError: No order {n}", 1, 0, "/boom"),
        ("server", "", "ValueError: No order {n}", 2, 0, "/other"),
    }
    assert not ErrorCount.objects.exclude(grouped__gt=0).exists()


def test_a_log_that_failed_otherwise_does_not_speak_for_a_validation_error(service):
    keep_logs(service, a_log(method="POST", route="/orders", status_code=500, error="Boom"))
    tell(service, INVALID)

    group_counts(now=timezone.now())

    assert ErrorIssue.objects.get().kind == "validation"


def test_counts_wait_a_minute_for_the_requests_that_may_follow(service):
    now = timezone.now()
    tell(service, {}, at=now)

    assert group_counts(now=now + 0.9 * MINUTE) == 0
    assert group_counts(now=now + 1.1 * MINUTE) == 1


def test_such_an_issue_is_seen_to_like_any_other(service):
    tell(service, {})
    group_counts(now=timezone.now())
    issue = ErrorIssue.objects.get()

    change_state(issue.id, "muted", by="user:ada", now=timezone.now(), mute_requests=3)
    tell(service, {"count": 2})
    group_counts(now=timezone.now())
    issue.refresh_from_db()
    assert issue.state == "muted"

    tell(service, {})
    group_counts(now=timezone.now())
    issue.refresh_from_db()
    assert issue.state == "open"

    change_state(issue.id, "resolved", by="user:ada", now=timezone.now() - MINUTE)
    tell(service, {}, at=timezone.now())
    group_counts(now=timezone.now() + 2 * MINUTE)
    issue.refresh_from_db()
    assert issue.state == "regressed"


def test_the_api_and_the_page_say_that_a_client_counted_it(service):
    tell(service, {})
    group_counts(now=timezone.now())
    issue = ErrorIssue.objects.get()

    (listed,) = a_client(a_key(service, scopes=["read"])[1]).get("/v1/issues").json()
    viewer = a_client(user=a_user(service.organization, "viewer"))
    page = viewer.get(f"/issues/{issue.id}").content.decode()

    assert (listed["is_reported"], listed["requests"]) == (True, 1)
    assert "It reports no single request of these." in page
    assert "counted by the client" in viewer.get("/issues").content.decode()


def test_it_follows_its_endpoint(service):
    tell(service, {"route": "/a"}, {"route": "/b"}, {"route": "/files/{name}", "message": "Gone"})
    group_counts(now=timezone.now())
    at = {route: Endpoint.objects.get(route=route) for route in ("/a", "/b", "/files/{name}")}

    moves = merge(at["/a"], [at["/b"]], by="user:ada", now=timezone.now())
    paths = {"pattern": "/files/*", "method": "GET", "route": "/f"}
    moves.append(split(at["/files/{name}"], **paths, by="user:ada", now=timezone.now()))
    for move in moves:
        carry_out(move.id, now=timezone.now())

    assert told() == {
        ("server", "", "ValueError: No order {n}", 2, 0, "/a"),
        ("server", "", "ValueError: Gone", 1, 0, "/f"),
    }


def test_the_errors_of_a_service_that_is_removed_mean_nothing(service):
    tell(service, {})
    service.mark_deleted(now=timezone.now())

    assert group_counts(now=timezone.now()) == 0
