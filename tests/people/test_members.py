"""Who has a say over people, and how far."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitor.lib.actors import Role
from tests.factories import a_client, a_key, a_recent_client, a_service, a_user, an_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization("Acme")


def member(organization, role, **fields):
    user = a_user(organization, role, **fields)
    return user, user.memberships.get()


def patch(client, membership, role):
    return client.patch(f"/v1/members/{membership.id}", {"role": role}, content_type="application/json")


@pytest.mark.parametrize(
    ("mine", "theirs", "to", "code"),
    [
        (Role.OWNER, Role.VIEWER, Role.OWNER, 200),
        (Role.OWNER, Role.OWNER, Role.VIEWER, 200),
        (Role.ADMIN, Role.MEMBER, Role.ADMIN, 200),
        # Nobody gives more than they have, or takes it from who has more.
        (Role.ADMIN, Role.MEMBER, Role.OWNER, 403),
        (Role.ADMIN, Role.OWNER, Role.VIEWER, 403),
        (Role.MEMBER, Role.VIEWER, Role.MEMBER, 403),
        (Role.VIEWER, Role.VIEWER, Role.ADMIN, 403),
    ],
)
def test_a_role_is_changed_by_who_stands_as_high_by_api_and_page_alike(organization, mine, theirs, to, code):
    person = a_client(user=member(organization, mine)[0])
    _, by_api = member(organization, theirs)
    _, by_page = member(organization, theirs)

    assert patch(person, by_api, to).status_code == code
    page = person.post(f"/people/{by_page.id}", {"role": to})

    by_api.refresh_from_db()
    by_page.refresh_from_db()
    assert page.status_code == (302 if code == 200 else 403)
    assert by_api.role == by_page.role == (to if code == 200 else theirs)


def test_a_new_role_holds_from_the_next_request_on(organization):
    user, membership = member(organization, Role.VIEWER)
    service = a_service(organization)
    address = f"/v1/services/{service.id}"
    assert a_client(user=user).delete(address).status_code == 403

    patch(a_client(user=member(organization, Role.OWNER)[0]), membership, Role.ADMIN)

    assert a_client(user=user).delete(address).status_code == 204


def test_somebody_who_was_taken_out_reaches_nothing(organization):
    user, membership = member(organization, Role.ADMIN)
    owner = a_client(user=member(organization, Role.OWNER)[0])

    owner.post(f"/people/{membership.id}", {"action": "remove"})

    assert a_client(user=user).get("/v1/services").status_code == 403
    assert "no organization has you" in a_client(user=user).get("/", follow=True).content.decode()


@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_somebody_always_owns_the_organization(organization, verb):
    user, last = member(organization, Role.OWNER)
    # One who cannot sign in owns nothing.
    member(organization, Role.OWNER, is_active=False)
    client = a_client(user=user)
    address = f"/v1/members/{last.id}"
    api = {"patch": lambda: patch(client, last, Role.ADMIN), "delete": lambda: client.delete(address)}

    answer = api[verb]()
    page = client.post(f"/people/{last.id}", {"action": "remove"}, follow=True).content.decode()

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "last owner" in answer.json()["errors"][0]["message"]
    assert "last owner" in page


def test_a_key_that_manages_makes_nobody_an_owner(organization):
    _, raw = a_key(organization=organization, scopes=["manage"])
    _, membership = member(organization, Role.VIEWER)

    answer = patch(a_client(raw), membership, Role.OWNER)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_for_keys")


def test_people_of_another_organization_are_not_there(organization):
    _, theirs = member(organization, Role.VIEWER, email="them@example.com")
    outsider = a_client(user=a_user(an_organization(), Role.OWNER))

    assert patch(outsider, theirs, Role.MEMBER).status_code == 404
    assert outsider.post(f"/people/{theirs.id}", {"action": "remove"}).status_code == 404
    assert outsider.get(f"/people?organization={organization.id}").status_code == 404
    assert "them@example.com" not in outsider.get("/v1/members").content.decode()
    assert "them@example.com" not in outsider.get("/people").content.decode()


def test_the_page_and_the_list_cost_the_same_with_two_members_and_with_ten(organization):
    client = a_client(user=member(organization, Role.OWNER)[0])

    def cost(address):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    member(organization, Role.VIEWER)
    few = cost("/people"), cost("/v1/members")
    for _ in range(8):
        member(organization, Role.VIEWER)

    # Page: session, user, memberships; organization, all that are managed, superuser?, own role, members,
    # invitations. List: session, user, memberships, members.
    assert (cost("/people"), cost("/v1/members")) == few
    assert few[0] <= 9
    assert few[1] <= 4


@pytest.mark.parametrize(("ago_s", "to"), [(0, Role.ADMIN), (3600, Role.VIEWER)])
def test_who_signed_in_long_ago_confirms_before_a_role_is_given(organization, ago_s, to):
    owner, _ = member(organization, Role.OWNER)
    owner.set_password("correct horse battery")
    owner.save()
    person = a_recent_client(owner, ago_s=ago_s)
    _, by_api = member(organization, Role.VIEWER)
    _, by_page = member(organization, Role.VIEWER)

    patch(person, by_api, Role.ADMIN)
    person.post(f"/people/{by_page.id}", {"role": Role.ADMIN})

    by_api.refresh_from_db()
    by_page.refresh_from_db()
    assert (by_api.role, by_page.role) == (to, to)
