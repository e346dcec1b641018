"""The lane of pings: what it takes, what it leaves, and that many share a commit."""

import asyncio

import pytest
from django.db import DatabaseError, OperationalError, connections
from django.test import Client

from monitor.models import Beat, MonitorStanding, Ping
from monitor.push import commits
from monitor.push.commits import keep_together
from monitor.push.keys import ping_key_of
from tests.factories import an_organization
from tests.push.lane import HOST, NotTheLanes, asking, lane_of_pings, ping
from tests.push.test_doors import a_push, token_of

pytestmark = pytest.mark.django_db
ACTIONS = ("start", "0", "1")


@pytest.mark.parametrize("address", ["/ping/{}", "/api/push/{}", "/api/v1/push/{}", "/v1/push/{}"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_both_faces_answer_alike_headers_included(address, method):
    monitor = a_push()
    address = address.format(token_of(monitor))
    by_views = Client().generic(method, address)

    with lane_of_pings(connections["default"]) as lane:
        by_lane = ping(lane, address, method=method)

    varying = {"x-request-id", "content-length", "vary"}
    assert (by_lane.status, by_lane.content) == (by_views.status_code, by_views.content)
    assert {name: value for name, value in by_lane.headers if name not in varying} == {
        name.lower(): value for name, value in by_views.items() if name.lower() not in varying
    }
    assert by_lane.header("x-request-id")


@pytest.mark.parametrize(
    ("address", "method", "headers"),
    [
        ("/ping/{key}/backup", "GET", HOST),
        ("/ping/{token}/dance", "GET", HOST),
        ("/ping/{token}?rid=7", "GET", HOST),
        ("/ping/{token}", "PUT", HOST),
        ("/ping/{token}", "GET", (("Host", "elsewhere.example"),)),
        ("/api/push/{token}/start", "GET", HOST),
        ("/v1/push/", "GET", HOST),
        ("/v1/monitors", "GET", HOST),
    ],
)
def test_what_is_no_plain_ping_is_left_to_the_views(address, method, headers, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    organization = an_organization()
    monitor = a_push(organization, slug="backup")
    address = address.format(key=ping_key_of(organization), token=token_of(monitor))

    with lane_of_pings(connections["default"]) as lane, pytest.raises(NotTheLanes):
        ping(lane, address, method=method, headers=headers)
    assert not Ping.objects.exists()


def test_pings_that_come_together_share_a_commit_and_keep_their_order():
    one, two = a_push(), a_push()
    groups = []

    def keep(group):
        groups.append(len(group))
        return keep_together(group)

    async def all_at_once(lane):
        addresses = [
            f"/ping/{token_of_one}/{action}" for action in ("start", "0", "1") for token_of_one in tokens
        ]
        return await asyncio.gather(*(asking(lane, address) for address in addresses))

    tokens = [token_of(one), token_of(two)]
    with lane_of_pings(connections["default"], keep=keep) as lane:
        answers = lane.run(all_at_once(lane))

    assert {answer.status for answer in answers} == {200}
    assert sum(groups) == 6
    assert len(groups) < 6
    for monitor in (one, two):
        kinds = list(Ping.objects.filter(target=monitor.id).order_by("number").values_list("kind", flat=True))
        assert kinds == ["start", "success", "failure"]
        assert [beat.state for beat in Beat.objects.filter(monitor_id=monitor.id).order_by("id")] == [1, 0]
        assert MonitorStanding.objects.get(monitor=monitor).state == 0


def test_one_that_cannot_be_kept_does_not_take_others_with_it():
    one, two = a_push(), a_push()
    bad = token_of(two)

    def keep(group):
        if any(each.token == bad for each in group):
            raise DatabaseError("this one breaks")
        return keep_together(group)

    async def both(lane):
        return await asyncio.gather(*(asking(lane, f"/ping/{token_of_each}") for token_of_each in tokens))

    tokens = [token_of(one), token_of(two)]
    with lane_of_pings(connections["default"], keep=keep) as lane:
        answers = lane.run(both(lane))

    assert [answer.status for answer in answers] == [200, 500]
    assert Ping.objects.get().target_id == one.id


def test_a_connection_that_broke_is_tried_once_more_and_a_database_that_is_away_is_said(monkeypatch):
    monitor = a_push()
    failures = [OperationalError("gone")]

    def keep(group):
        if failures:
            raise failures.pop()
        return keep_together(group)

    # The test's own connection, which the lane borrows, must stay.
    monkeypatch.setattr(type(connections["default"]), "close", lambda self: None)
    with lane_of_pings(connections["default"], keep=keep) as lane:
        first = ping(lane, f"/ping/{token_of(monitor)}")
        failures += [OperationalError("gone"), OperationalError("gone")]
        second = ping(lane, f"/ping/{token_of(monitor)}")

    assert (first.status, second.status) == (200, 503)
    assert Ping.objects.count() == 1


def test_when_too_many_wait_senders_are_asked_to_come_back(monkeypatch):
    monkeypatch.setattr(commits, "MOST_WAITING", 0)
    monitor = a_push()

    with lane_of_pings(connections["default"]) as lane:
        answer = ping(lane, f"/ping/{token_of(monitor)}")

    assert (answer.status, answer.json()["code"]) == (503, "server_busy")
    assert answer.header("retry-after")


def test_what_was_taken_is_kept_before_the_server_stops():
    monitor = a_push()

    async def leave_it(lane):
        task = asyncio.create_task(asking(lane, f"/ping/{token_of_it}"))
        await asyncio.sleep(0)
        return task

    token_of_it = token_of(monitor)
    with lane_of_pings(connections["default"]) as lane:
        lane.run(leave_it(lane))

    assert Ping.objects.count() == 1
