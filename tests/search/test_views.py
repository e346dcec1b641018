"""Saved views: one's own and the team's, by API and page, and nobody else's."""

import re
from html import unescape

import pytest
from django.contrib.messages import get_messages

from monitor.lib.actors import Role
from monitor.models import SavedView
from tests.factories import (
    UNKNOWN_ID,
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
)

pytestmark = pytest.mark.django_db
ERRORS = "q=status%3A5xx&window=7d&columns=time%2Cpath"


@pytest.fixture
def organization():
    return an_organization("Acme")


@pytest.fixture
def ada(organization):
    return a_user(organization, Role.MEMBER)


@pytest.fixture
def bob(organization):
    return a_user(organization, Role.MEMBER)


def make(user, **fields):
    answer = post_json(a_client(user=user), "/v1/views", {"name": "errors", "query": ERRORS, **fields})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def patch(client, view, data):
    return client.patch(f"/v1/views/{view['id']}", data, content_type="application/json")


def names_for(user):
    return [view["name"] for view in a_client(user=user).get("/v1/views").json()]


def menu_of(answer):
    """The names in the menu, with their addresses."""
    menu = re.search(r"<details class=\"menu views\".*?</details>", answer.content.decode(), re.DOTALL)[0]
    return {name: unescape(href) for href, name in re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', menu)}


def told(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


# --- The API -----------------------------------------------------------------------------------------------


def test_a_view_comes_back_as_it_was_saved(organization, ada):
    made = make(ada)

    assert made == a_client(user=ada).get(f"/v1/views/{made['id']}").json()
    assert (made["name"], made["query"], made["is_team"]) == ("errors", ERRORS, False)
    assert made["organization"] == str(organization.id)


def test_my_views_are_mine_and_the_teams_are_everybodys(ada, bob):
    mine = make(ada, name="mine")
    make(ada, name="ours", is_team=True)

    assert names_for(ada) == ["ours", "mine"]
    assert names_for(bob) == ["ours"]
    stranger = a_client(user=bob)
    assert stranger.get(f"/v1/views/{mine['id']}").status_code == 404
    assert patch(stranger, mine, {"name": "his"}).status_code == 404
    assert stranger.delete(f"/v1/views/{mine['id']}").status_code == 404
    assert SavedView.objects.get(id=mine["id"]).name == "mine"


def test_no_view_reaches_another_organization(ada):
    ours = make(ada, is_team=True)
    outsider = a_client(user=a_user(an_organization(), Role.OWNER))

    assert outsider.get("/v1/views").json() == []
    assert outsider.get(f"/v1/views/{ours['id']}").status_code == 404
    assert patch(outsider, ours, {"name": "theirs"}).status_code == 404
    assert outsider.delete(f"/v1/views/{ours['id']}").status_code == 404
    sent = {"name": "x", "organization": ours["organization"], "is_team": True}
    refused = post_json(outsider, "/v1/views", sent)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "organization")
    assert SavedView.objects.count() == 1


def test_who_leaves_an_organization_leaves_its_views(organization, ada):
    made = make(ada)
    ada.memberships.all().delete()
    ada.memberships.create(organization=an_organization(), role="owner")

    assert names_for(ada) == []
    assert a_client(user=ada).get(f"/v1/views/{made['id']}").status_code == 404


def test_viewers_keep_views_of_their_own_and_use_the_teams(organization, ada):
    ours = make(ada, name="ours", is_team=True)
    viewer = a_user(organization, Role.VIEWER)

    make(viewer, name="mine")

    assert names_for(viewer) == ["mine", "ours"]
    refused = post_json(a_client(user=viewer), "/v1/views", {"name": "x", "is_team": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert patch(a_client(user=viewer), ours, {"name": "x"}).status_code == 403


def test_a_name_is_taken_once_by_each_person_and_once_by_the_team(ada, bob):
    make(ada)
    make(bob)
    make(ada, is_team=True)

    again = post_json(a_client(user=ada), "/v1/views", {"name": "errors"})
    in_team = post_json(a_client(user=bob), "/v1/views", {"name": "errors", "is_team": True})

    for refused in (again, in_team):
        assert refused.status_code == 400
        assert (refused.json()["errors"][0]["field"], refused.json()["errors"][0]["code"]) == (
            "name",
            "unique",
        )


def test_a_key_has_no_views_of_its_own(organization):
    client = a_client(a_key(organization=organization, scopes=["read", "manage"])[1])

    refused = post_json(client, "/v1/views", {"name": "mine"})

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "is_team")


def test_what_is_saved_is_a_search_and_no_place_in_a_list(ada):
    made = make(ada, query="?q=path:/a&cursor=x&offset=3&live=1&window=1h&columns=time,nonsense&other=1&tag=")

    assert made["query"] == "q=path%3A%2Fa&window=1h&columns=time"


@pytest.mark.parametrize(
    ("query", "field"),
    [("q=statsu:5xx", "q"), ("status_code=abc", "status_code"), ("q=" + "x" * 4001, "query")],
)
def test_a_search_that_cannot_be_used_is_not_saved(ada, query, field):
    answer = post_json(a_client(user=ada), "/v1/views", {"name": "bad", "query": query})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not SavedView.objects.exists()


def test_a_view_gets_another_name_and_search_but_no_other_home(ada):
    made = make(ada)
    client = a_client(user=ada)

    changed = patch(client, made, {"name": "all", "query": "method=GET"}).json()

    assert (changed["name"], changed["query"]) == ("all", "method=GET")
    assert patch(client, made, {"is_team": True}).json()["errors"][0]["field"] == "is_team"
    home = {"organization": str(an_organization().id)}
    assert patch(client, made, home).json()["errors"][0]["field"] == "organization"


def test_a_removed_view_is_gone(ada):
    made = make(ada)

    assert a_client(user=ada).delete(f"/v1/views/{made['id']}").status_code == 204
    assert names_for(ada) == []


def test_the_list_is_cut_by_cursor(ada):
    for number in range(3):
        make(ada, name=str(number))

    first = a_client(user=ada).get("/v1/views?limit=2&count=exact")

    assert [view["name"] for view in first.json()] == ["2", "1"]
    assert first["X-Total-Count"] == "3"
    following = re.search(r"<http://testserver(.*?)>", first["Link"])[1]
    assert [view["name"] for view in a_client(user=ada).get(following).json()] == ["0"]


# --- The page ----------------------------------------------------------------------------------------------


def test_the_menu_names_views_and_each_leads_to_its_search(organization, ada):
    keep_logs(a_service(organization), a_log(status_code=500), a_log(path="/fine"))
    mine = make(ada, name="mine")
    make(ada, name="ours", is_team=True)
    client = a_client(user=ada)

    menu = menu_of(client.get("/dashboard"))

    assert set(menu) == {"mine", "ours"}
    assert menu["mine"] == f"/dashboard?{ERRORS}&view={mine['id']}"
    opened = client.get(menu["mine"]).content.decode()
    assert opened.count("data-row data-id") == 1
    assert "Put this search into “mine”" in opened


def test_a_search_is_saved_from_the_page_for_me_or_for_the_team(ada):
    client = a_client(user=ada)

    for name, is_team in (("mine", "false"), ("ours", "true")):
        answer = client.post(
            "/dashboard/views", {"name": f" {name} ", "query": "?method=GET&cursor=x", "is_team": is_team}
        )
        view = SavedView.objects.get(name=name)
        assert answer["Location"] == f"/dashboard?method=GET&view={view.id}"
        assert (view.query, view.is_team) == ("method=GET", is_team == "true")


def test_a_view_is_changed_renamed_and_removed_from_the_page(ada):
    made = make(ada)
    client = a_client(user=ada)

    client.post(f"/dashboard/views/{made['id']}", {"query": "tag=beta"})
    client.post(f"/dashboard/views/{made['id']}", {"name": "beta"})

    view = SavedView.objects.get()
    assert (view.name, view.query) == ("beta", "tag=beta")
    answer = client.post(f"/dashboard/views/{made['id']}/delete", {"query": "tag=beta"})
    assert answer["Location"] == "/dashboard?tag=beta"
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "  "}, "Give the view a name."),
        ({"name": "errors"}, "There is a view of this name already."),
        ({"name": "x" * 129}, "A name has at most 128 characters."),
        ({"name": "bad", "query": "q=statsu:5xx"}, "There is no field “statsu”."),
        ({"name": "x", "organization": "foreign"}, "No such organization."),
    ],
)
def test_what_cannot_be_saved_is_told_and_the_search_stays(ada, sent, words):
    make(ada)
    if "organization" in sent:
        sent = {**sent, "organization": str(an_organization().id)}

    answer = a_client(user=ada).post("/dashboard/views", {"query": "method=GET", **sent})

    assert answer["Location"] == f"/dashboard?{sent.get('query', 'method=GET')}"
    assert words in told(answer)[0]
    assert SavedView.objects.count() == 1


def test_the_page_changes_nobody_elses_views(ada, bob):
    mine, ours = make(ada, name="mine"), make(ada, name="ours", is_team=True)
    outsider = a_client(user=a_user(an_organization(), Role.OWNER))
    for client, view in ((a_client(user=bob), mine), (outsider, mine), (outsider, ours)):
        assert client.post(f"/dashboard/views/{view['id']}", {"name": "x"}).status_code == 404
        assert client.post(f"/dashboard/views/{view['id']}/delete").status_code == 404
    assert menu_of(outsider.get(f"/dashboard?view={ours['id']}")) == {}
    assert SavedView.objects.count() == 2
    assert outsider.post(f"/dashboard/views/{UNKNOWN_ID}").status_code == 404


def test_viewers_are_not_offered_what_they_may_not(organization, ada):
    ours = make(ada, is_team=True)

    page = a_client(user=a_user(organization, Role.VIEWER)).get(f"/dashboard?view={ours['id']}")

    assert "Save for me" in page.content.decode()
    assert "Save for the team" not in page.content.decode()
    assert "Put this search into" not in page.content.decode()


def test_the_addresses_that_take_forms_lead_readers_to_the_table(ada):
    made = make(ada)

    for address in (
        "/dashboard/views",
        f"/dashboard/views/{made['id']}",
        f"/dashboard/views/{made['id']}/delete",
    ):
        assert a_client(user=ada).get(address)["Location"] == "/dashboard"


def test_the_admin_shows_whose_a_view_is(ada):
    make(ada, is_team=True)

    page = a_client(user=a_user(is_superuser=True, is_staff=True)).get("/admin/monitor/savedview/")

    assert "errors" in page.content.decode()
    assert "the team&#x27;s" in page.content.decode()
