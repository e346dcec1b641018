"""Renaming, merging and splitting by API and by page."""

import json
import re
from html import unescape

import pytest
from django.utils import timezone
from django.utils.html import strip_tags
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.endpoints.history import carry_out
from monitor.lib.actors import Role
from monitor.models import Endpoint, EndpointMove, RequestLog, Service
from tests.admin.markup import blocked_in
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs, post_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    service = a_service(name="orders")
    keep_logs(
        service,
        a_log(route="/a", path="/a/1"),
        a_log(route="/b", path="/b/1"),
        a_log(route="/a", path="/a/export"),
    )
    return service


@pytest.fixture
def admin(service):
    return a_client(user=a_user(service.organization, Role.ADMIN))


def endpoint(route):
    return Endpoint.objects.get(route=route)


def words(markup):
    return " ".join(unescape(strip_tags(markup)).split())


def test_the_api_renames(service, admin):
    found = endpoint("/a")

    answer = admin.patch(
        f"/v1/endpoints/{found.id}", json.dumps({"route": "/c"}), content_type="application/json"
    )
    taken = admin.patch(
        f"/v1/endpoints/{found.id}", json.dumps({"route": "/b"}), content_type="application/json"
    )

    assert (answer.status_code, answer.json()["route"]) == (200, "/c")
    assert [name["route"] for name in answer.json()["other_names"]] == ["/a"]
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "route")


def test_the_api_merges_after_a_dry_run(service, admin):
    target, source = endpoint("/a"), endpoint("/b")
    address, body = f"/v1/endpoints/{target.id}/merge", {"endpoints": [str(source.id)]}

    dry = post_json(admin, address, {**body, "dry_run": True})
    assert (dry.status_code, dry.json()["logs"], dry.json()["paths"]) == (200, 1, ["/b/1"])
    assert not EndpointMove.objects.exists()

    answer = post_json(admin, address, body)
    move = EndpointMove.objects.get()
    job = ProcrastinateJob.objects.get(task_name__endswith="move_endpoint")
    assert (answer.status_code, job.args) == (202, {"move_id": str(move.id)})
    carry_out(move.id, now=timezone.now())
    assert set(RequestLog.objects.values_list("endpoint", flat=True)) == {target.id}
    assert [row["route"] for row in admin.get("/v1/endpoints").json()] == ["/a"]
    found = admin.get(f"/v1/endpoints/{source.id}").json()
    assert found["merged_into"] == str(target.id)


def test_the_api_splits_after_a_dry_run(service, admin):
    source = endpoint("/a")
    address, body = f"/v1/endpoints/{source.id}/split", {"pattern": "/a/export"}

    dry = post_json(admin, address, {**body, "dry_run": True}).json()
    assert (dry["logs"], dry["endpoint_id"]) == (1, None)
    answer = post_json(admin, address, {**body, "route": "/export"})

    assert answer.status_code == 202
    assert answer.json()["endpoint_id"] == str(endpoint("/export").id)
    assert Service.objects.get().path_rules == [{"method": "GET", "pattern": "/a/export", "route": "/export"}]


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("merge", {"endpoints": []}, "endpoints"),
        ("merge", {"endpoints": ["018f1e2d-3c4b-7a59-8877-665544332211"]}, "endpoints"),
        ("merge", {}, "endpoints"),
        ("split", {"pattern": "x"}, "pattern"),
        ("split", {"pattern": "/x", "method": "POST"}, "method"),
    ],
)
def test_what_cannot_be_done_is_said(service, admin, verb, body, field):
    answer = post_json(admin, f"/v1/endpoints/{endpoint('/a').id}/{verb}", body)

    assert answer.status_code == 400
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == {field}
    assert not EndpointMove.objects.exists()


def test_endpoints_of_another_organization_cannot_be_taken(service, admin):
    foreign = a_service(an_organization())
    keep_logs(foreign, a_log(route="/theirs"))
    theirs = endpoint("/theirs")

    mine = post_json(admin, f"/v1/endpoints/{endpoint('/a').id}/merge", {"endpoints": [str(theirs.id)]})
    their = post_json(admin, f"/v1/endpoints/{theirs.id}/merge", {"endpoints": [str(endpoint("/a").id)]})

    assert (mine.status_code, their.status_code) == (400, 404)
    assert "/theirs" not in mine.content.decode()
    assert admin.get(f"/endpoints/{theirs.id}/change").status_code == 404


def test_the_page_previews_and_merges(service, admin):
    target, source = endpoint("/a"), endpoint("/b")
    address = f"/endpoints/{target.id}/change"
    assert address in admin.get(f"/endpoints/{target.id}").content.decode()

    page = admin.get(address, {"from": str(source.id)}).content.decode()
    assert "1 kept request and their numbers since" in words(page)
    assert blocked_in(page) == []
    admin.post(address, {"action": "merge", "from": [str(source.id)]})

    assert Endpoint.objects.get(route="/b").merged_into_id == target.id
    assert "Under way" in words(admin.get(address).content.decode())
    assert admin.get(f"/endpoints/{source.id}")["Location"] == f"/endpoints/{target.id}"


def test_the_page_previews_and_splits(service, admin):
    address = f"/endpoints/{endpoint('/a').id}/change"

    page = admin.get(address, {"pattern": "/a/export"}).content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(action|pattern|method)" value="(.*?)"', page))
    assert "/a/export" in words(re.search(r'<div class="message".*?</div>', page, re.DOTALL)[0])
    admin.post(address, {"action": "split", "pattern": "/a/export", "method": "GET", "route": ""})

    assert fields["pattern"] == "/a/export"
    assert endpoint("/a/export").merged_into_id is None


def test_the_page_renames_and_says_what_is_wrong(service, admin):
    address = f"/endpoints/{endpoint('/a').id}/change"

    wrong = admin.post(address, {"action": "rename", "route": "/b"})
    admin.post(address, {"action": "rename", "route": "/c"})

    assert wrong.status_code == 400
    assert "merge the two" in words(wrong.content.decode())
    assert "A path begins with /" in words(admin.get(address, {"pattern": "x"}).content.decode())
    assert admin.get(address, {"from": "x"}).status_code == 200
    assert endpoint("/c").other_names.get().route == "/a"


def test_members_do_not_get_to_the_page(service):
    member = a_client(user=a_user(service.organization, Role.MEMBER))
    address = f"/endpoints/{endpoint('/a').id}/change"

    assert member.get(address).status_code == 403
    assert "/change" not in member.get(f"/endpoints/{endpoint('/a').id}").content.decode()
