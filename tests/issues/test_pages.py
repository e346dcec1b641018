"""The pages of issues, and the links that lead to them."""

import re
from html import unescape

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.issues import pages
from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.models import Endpoint, ErrorIssue
from tests.admin.markup import blocked_in
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def member(organization):
    return a_client(user=a_user(organization, Role.MEMBER))


def fail(service, error="Boom", *, times=1, **fields):
    ids = keep_logs(service, *[a_log(status_code=500, error=error, **fields)] * times)
    group_errors(now=timezone.now())
    return ids


def words(markup):
    return " ".join(unescape(strip_tags(markup)).split())


def rows_of(page):
    return [words(row) for row in re.findall(r"<tr data-row>(.*?)</tr>", page, re.DOTALL)]


def text_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_what_is_to_be_seen_to(member, service):
    fail(service, "Open one", times=3, consumer="acme")
    fail(service, "Done one")
    fail(service, "Quiet one")
    ErrorIssue.objects.filter(message="Done one").update(state="resolved")
    ErrorIssue.objects.filter(message="Quiet one").update(state="muted")

    page = text_of(member, "/issues")

    (row,) = rows_of(page)
    assert row.startswith("Open oneGET /orders orders Open 3 requests 1 consumer")
    assert "Last 7 days: highest 3" in page
    assert "Done one" in rows_of(text_of(member, "/issues?show=resolved"))[0]
    assert "Quiet one" in rows_of(text_of(member, "/issues?show=muted"))[0]
    assert len(rows_of(text_of(member, "/issues?show=all"))) == 3


def test_the_list_is_narrowed_sorted_and_turned(member, service, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 2)
    for letter in "abc":
        fail(service, f"Error {letter}", times=ord(letter) - 96, route=f"/{letter}")

    page = text_of(member, "/issues?sort=requests")
    following = text_of(member, "/issues" + unescape(re.search(r'rel="next" href="(.*?)"', page)[1]))

    assert [row[:7] for row in rows_of(page)] == ["Error c", "Error b"]
    assert [row[:7] for row in rows_of(following)] == ["Error a"]
    assert len(rows_of(text_of(member, "/issues?text=error+b"))) == 1
    endpoint = Endpoint.objects.get(route="/b")
    narrowed = text_of(member, f"/issues?endpoint_id={endpoint.id}")
    assert [row[:7] for row in rows_of(narrowed)] == ["Error b"]
    assert "GET /b" in words(re.search(r'<ul class="chips".*?</ul>', narrowed, re.DOTALL)[0])
    assert "No such issue" in text_of(member, "/issues?text=nothing")


def test_a_damaged_address_shows_the_list(member, service):
    fail(service)

    assert len(rows_of(text_of(member, "/issues?service_id=x&kind=y&sort=z&show=w&cursor=v"))) == 1


def test_one_issue_shows_its_samples_and_consumers(member, service):
    (log_id,) = fail(service, "Boom of 7", consumer="acme")

    page = text_of(member, f"/issues/{ErrorIssue.objects.get().id}")

    assert "Boom of {n}" in words(page)
    assert f"/log/{log_id}" in page
    assert "acme" in words(re.search(r'id="consumers".*?</section>', page, re.DOTALL)[0])


def test_states_are_changed_on_the_page_by_members_alone(member, organization, service):
    fail(service)
    address = f"/issues/{ErrorIssue.objects.get().id}"
    viewer = a_client(user=a_user(organization, Role.VIEWER))

    assert viewer.post(address, {"state": "resolved"}).status_code == 403
    assert "Resolve" not in words(re.search(r"<main.*</main>", text_of(viewer, address), re.DOTALL)[0])
    page = member.post(address, {"state": "muted", "mute_requests": "5"}, follow=True).content.decode()
    assert "opens at 6 requests" in words(page)
    refused = member.post(address, {"state": "muted", "mute_requests": "-1"}, follow=True).content.decode()
    assert "Nothing was changed" in words(refused)
    member.post(address, {"state": "resolved", "mute_requests": ""})
    assert ErrorIssue.objects.get().state == "resolved"


def test_a_log_and_an_endpoint_lead_to_their_issues(member, service):
    (log_id,) = fail(service, "Boom of 7")
    (well_id,) = keep_logs(service, a_log())
    fail(a_service(), "Boom of 7")
    issue = ErrorIssue.objects.get(service=service)

    assert f"/issues/{issue.id}" in text_of(member, f"/log/{log_id}")
    assert "/issues/" not in text_of(member, f"/log/{well_id}")
    endpoint = text_of(member, f"/endpoints/{issue.endpoint_id}")
    assert rows_of(endpoint)[-1].startswith("Boom of {n} Open 1 request")
    ErrorIssue.objects.update(state="resolved")
    assert f"/issues/{issue.id}" not in text_of(member, f"/endpoints/{issue.endpoint_id}")


def test_another_organizations_issue_is_not_found(member):
    fail(a_service(), "Theirs")
    theirs = ErrorIssue.objects.get()

    assert "Theirs" not in text_of(member, "/issues")
    assert member.get(f"/issues/{theirs.id}").status_code == 404
    assert member.post(f"/issues/{theirs.id}", {"state": "resolved"}).status_code == 404


def test_text_of_others_is_only_text_and_the_policy_holds(member, service):
    (log_id,) = fail(service, "<b>x</b>", consumer="<i>y</i>")

    for address in ("/issues", f"/issues/{ErrorIssue.objects.get().id}", f"/log/{log_id}"):
        page = text_of(member, address)
        assert "<b>x" not in page
        assert "<i>y" not in page
        assert blocked_in(page) == []


def test_the_list_costs_the_same_however_long_it_is(member, service, django_assert_num_queries):
    for letter in "abcdefghij":
        fail(service, f"Error {letter}", route=f"/{letter}")
    text_of(member, "/issues")

    # Who asks and where they belong; the places; the issues of the page, their hours, the services,
    # and what clients reported.
    with django_assert_num_queries(8):
        text_of(member, "/issues")
