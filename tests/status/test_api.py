"""/v1/status-pages as callers see it."""

import base64

import pytest

from monitor.models import StatusIncident, StatusPage
from tests.factories import a_client, a_key, a_service, an_organization, post_json
from tests.monitors.scenes import a_monitor
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


def as_data(content, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def patch_json(client, address, data):
    return client.patch(address, data, content_type="application/json")


def test_a_page_is_made_read_changed_and_removed(client, organization):
    web, mail = a_monitor(organization, name="Web"), a_monitor(organization, name="Mail")
    groups = [
        {"name": "Core", "monitors": [{"monitor_id": str(web.id), "name": "Shop"}]},
        {"name": "", "monitors": [{"monitor_id": str(mail.id), "name": ""}]},
    ]

    made = post_json(
        client,
        "/v1/status-pages",
        {"slug": "shop", "name": "Shop", "groups": groups, "password": "secret", "logo": as_data(PNG)},
    )

    assert made.status_code == 201, made.json()
    shown = made.json()
    assert shown["groups"] == groups
    assert (shown["has_password"], shown["has_logo"], shown["version"]) == (True, True, 1)
    assert "secret" not in made.content.decode()
    assert StatusPage.objects.get().password != "secret"
    address = f"/v1/status-pages/{shown['id']}"
    kept_ids = {entry.monitor_id: entry.id for entry in StatusPage.objects.get().entries.all()}

    changed = patch_json(
        client,
        address,
        {"groups": groups[:1], "password": "", "logo": "", "domain": "Status.Shop.Example."},
    ).json()

    assert (changed["has_password"], changed["has_logo"], changed["version"]) == (False, False, 2)
    assert (changed["domain"], changed["groups"]) == ("status.shop.example", groups[:1])
    # Whoever knows a part of the page by its id still does.
    assert StatusPage.objects.get().entries.get().id == kept_ids[web.id]
    assert client.get("/v1/status-pages").json()[0]["id"] == shown["id"]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("slug", {"slug": "No Spaces"}),
        ("slug", {"slug": "taken"}),
        ("domain", {"domain": "https://status.example.com"}),
        ("domain", {"domain": "localhost"}),
        ("domain", {"domain": "taken.example"}),
        ("css", {"css": "@import url(https://spy.example/a.css);"}),
        ("logo", {"logo": as_data(b"<svg onload=alert(1)>", "svg+xml")}),
        ("logo", {"logo": "https://spy.example/logo.png"}),
        ("logo", {"logo": "data:image/png;base64,???"}),
        ("days", {"days": 1000}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(client, organization, field, given):
    a_page(organization, slug="taken", domain="taken.example")

    answer = post_json(client, "/v1/status-pages", {"slug": "shop", "name": "Shop", **given})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_monitor_of_another_organization_and_one_twice_are_refused(client, organization):
    mine, elsewhere = a_monitor(organization), a_monitor(an_organization())

    for monitors in ([elsewhere], [mine, mine]):
        shown = [{"monitor_id": str(monitor.id)} for monitor in monitors]
        answer = post_json(
            client, "/v1/status-pages", {"slug": "shop", "name": "Shop", "groups": [{"monitors": shown}]}
        )
        assert answer.status_code == 400
    assert not StatusPage.objects.exists()


def test_an_incident_is_told_goes_on_and_ends(client, organization):
    page = a_page(organization)
    address = f"/v1/status-pages/{page.id}/incidents"

    made = post_json(client, address, {"title": "Slow", "body": "We look."}).json()
    updates = f"{address}/{made['id']}/updates"
    told = post_json(client, updates, {"status": "resolved", "body": "Done."}).json()

    assert (made["status"], made["impact"], made["resolved_at"]) == ("investigating", "minor", None)
    assert [update["body"] for update in told["updates"]] == ["Done.", "We look."]
    assert (told["status"], told["resolved_at"]) == ("resolved", told["updated_at"])
    again = post_json(client, updates, {"status": "monitoring", "body": "Hm."})
    assert again.json()["resolved_at"] is None
    changed = patch_json(client, f"{address}/{made['id']}", {"title": "Slow payments"}).json()
    assert changed["title"] == "Slow payments"
    assert [each["title"] for each in client.get(address).json()] == ["Slow payments"]
    assert client.delete(f"{address}/{made['id']}").status_code == 204
    assert not StatusIncident.objects.exists()


def test_an_incident_is_reached_by_its_own_page_alone(client, organization):
    page, other = a_page(organization), a_page(organization, slug="other")
    made = post_json(client, f"/v1/status-pages/{page.id}/incidents", {"title": "Slow", "body": "x"}).json()

    assert client.get(f"/v1/status-pages/{other.id}/incidents/{made['id']}").status_code == 404


def test_a_key_of_a_service_reads_pages_and_changes_none(organization):
    page = a_page(organization)
    client = a_client(a_key(a_service(organization), scopes=["read", "manage"])[1])

    assert client.get(f"/v1/status-pages/{page.id}").status_code == 200
    assert patch_json(client, f"/v1/status-pages/{page.id}", {"name": "x"}).status_code == 403
    assert post_json(client, "/v1/status-pages", {"slug": "x", "name": "x"}).status_code == 403


def test_a_long_list_takes_no_more_queries(client, organization, django_assert_max_num_queries):
    monitor = a_monitor(organization)
    for number in range(12):
        a_page(organization, monitor, slug=f"page-{number}")

    # The key, its organization, the pages, their entries.
    with django_assert_max_num_queries(5):
        assert len(client.get("/v1/status-pages").json()) == 12
