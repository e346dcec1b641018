"""/v1/issues."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.issues.grouping import group_errors
from monitor.models import Consumer, Endpoint, ErrorIssue
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def member(service):
    return a_client(user=a_user(service.organization, "member"))


def fail(service, error="Boom", *, times=1, now=None, **fields):
    keep_logs(service, *[a_log(status_code=500, error=error, **fields)] * times, now=now)
    group_errors(now=timezone.now())


def listed(client, **query):
    answer = client.get("/v1/issues", query)
    assert answer.status_code == 200, answer.json()
    return [row["message"] for row in answer.json()]


def patch(client, issue, **body):
    return client.patch(f"/v1/issues/{issue.id}", json.dumps(body), content_type="application/json")


def test_the_list_narrows_by_state_service_endpoint_kind_mode_and_text(service, member):
    sibling = a_service(service.organization)
    fail(service, "A")
    fail(service, "B", route="/b")
    fail(sibling, "C")
    invalid = json.dumps({"errors": {"price": ["is odd"]}})
    keep_logs(service, a_log(status_code=422, response_body=invalid), mode="test")
    group_errors(now=timezone.now())
    ErrorIssue.objects.filter(message="A").update(state="resolved")

    assert set(listed(member)) == {"A", "B", "C", "is odd"}
    assert listed(member, state="resolved") == ["A"]
    assert set(listed(member, state="open,resolved", service_id=str(service.id))) == {"A", "B", "is odd"}
    assert listed(member, service_id=str(sibling.id)) == ["C"]
    assert listed(member, endpoint_id=str(Endpoint.objects.get(route="/b").id)) == ["B"]
    assert listed(member, kind="validation") == listed(member, mode="test") == ["is odd"]
    assert listed(member, text="PRI") == ["is odd"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "closed"), ("service_id", "x"), ("kind", "x"), ("sort", "x"), ("mode", "x"), ("cursor", "x")],
)
def test_what_cannot_be_asked_for_is_named(member, name, value):
    answer = member.get("/v1/issues", {name: value})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("last_seen", ["new", "old", "many"]),
        ("first_seen", ["new", "many", "old"]),
        ("requests", ["many", "old", "new"]),
        ("consumers", ["many", "new", "old"]),
    ],
)
def test_the_list_is_in_the_order_that_was_asked_for(service, member, sort, expected):
    now = timezone.now()
    fail(service, "old", now=now - timedelta(hours=9))
    fail(service, "old", now=now - timedelta(hours=1))
    for name in ("a", "b"):
        fail(service, "many", times=3, consumer=name, now=now - timedelta(hours=5))
    fail(service, "new")

    assert listed(member, sort=sort) == expected


def test_the_list_narrows_by_whom_it_hit(service, member):
    fail(service, "A", consumer="acme")
    fail(service, "B", consumer="zen")
    acme = Consumer.objects.get(identifier="acme")

    assert listed(member, consumer_id=str(acme.id)) == ["A"]


def test_pages_hold_every_issue_once(service, member):
    for letter in "abcdefg":
        fail(service, f"Error {letter}")

    address, seen = "/v1/issues?limit=3", []
    while address:
        answer = member.get(address)
        seen += [row["message"] for row in answer.json()]
        address = answer["Link"].split(">")[0].lstrip("<") if "Link" in answer else None

    assert seen == [f"Error {letter}" for letter in "gfedcba"]


def test_an_issue_tells_its_samples_hours_and_consumers(service, member):
    fail(service, "Boom", times=2, consumer="acme")
    fail(service, "Boom", consumer="zen")
    issue = ErrorIssue.objects.get()

    found = member.get(f"/v1/issues/{issue.id}").json()

    assert (found["method"], found["route"], found["requests"], found["consumers"]) == (
        "GET",
        "/orders",
        3,
        2,
    )
    assert [row["error"] for row in found["samples"]] == ["Boom"] * 3
    assert [(row["identifier"], row["requests"]) for row in found["top_consumers"]] == [
        ("acme", 2),
        ("zen", 1),
    ]
    assert (len(found["hours"]), sum(hour["requests"] for hour in found["hours"])) == (168, 3)


def test_a_state_is_changed_with_who_and_when(service, member):
    fail(service, times=4)
    issue = ErrorIssue.objects.get()

    answer = patch(member, issue, state="muted", mute_requests=10)

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["muted_until_requests"]) == ("muted", 14)
    assert answer.json()["state_changed_by"].startswith("user:")
    opened = patch(member, issue, state="open").json()
    assert (opened["state"], opened["muted_until_requests"]) == ("open", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "regressed"}, "state"),
        ({}, "state"),
        ({"state": "muted", "mute_requests": 0}, "mute_requests"),
        ({"state": "resolved", "mute_requests": 5}, "mute_requests"),
    ],
)
def test_a_state_that_nobody_may_set_is_refused(service, member, body, field):
    fail(service)
    issue = ErrorIssue.objects.get()

    answer = patch(member, issue, **body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    issue.refresh_from_db()
    assert issue.state == "open"


def test_another_organizations_issues_are_not_there(service, member):
    foreign = a_service(an_organization())
    fail(foreign, "Theirs")
    fail(service, "Mine")
    theirs = ErrorIssue.objects.get(message="Theirs")

    assert listed(member) == ["Mine"]
    assert listed(member, service_id=str(foreign.id)) == []
    assert member.get(f"/v1/issues/{theirs.id}").status_code == 404
    assert patch(member, theirs, state="resolved").status_code == 404


def test_a_key_of_one_service_sees_and_changes_its_own(service):
    sibling = a_service(service.organization)
    fail(service, "Mine")
    fail(sibling, "Theirs")
    key = a_client(a_key(service, scopes=["read", "manage"])[1])

    assert listed(key) == ["Mine"]
    assert patch(key, ErrorIssue.objects.get(message="Mine"), state="resolved").status_code == 200
    assert patch(key, ErrorIssue.objects.get(message="Theirs"), state="resolved").status_code == 403


def test_the_list_costs_the_same_however_long_it_is(service, member, django_assert_num_queries):
    for letter in "abcdefghij":
        fail(service, f"Error {letter}", route=f"/{letter}")
    member.get("/v1/issues")

    # The session, the person, the memberships; the places; the issues of the page with their names.
    with django_assert_num_queries(5):
        member.get("/v1/issues")
