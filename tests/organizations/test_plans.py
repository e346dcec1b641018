"""Plans: limits under a name, made and given by who runs the installation."""

import pytest
from django.contrib.auth.models import Permission, User

from monitor.access.tokens import issue_token
from monitor.models import AuditEntry, Organization, Plan
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser():
    an_organization()
    return User.objects.create_superuser("ada", "ada@example.com", "x")


@pytest.fixture
def operator(superuser):
    return a_client(user=superuser)


def change(client, address, data):
    return client.patch(address, data, content_type="application/json")


def test_an_operator_makes_changes_lists_and_removes_them(operator):
    made = post_json(operator, "/v1/plans", {"name": "large", "requests": 9000, "exports": 0})
    address = f"/v1/plans/{made.json()['id']}"
    changed = change(operator, address, {"requests": None, "logs": 500})
    listed = operator.get("/v1/plans").json()
    removed = operator.delete(address)

    assert (made.status_code, made.json()["requests"], made.json()["exports"]) == (201, 9000, 0)
    assert (changed.status_code, changed.json()["requests"], changed.json()["logs"]) == (200, None, 500)
    assert listed == [changed.json()]
    assert removed.status_code == 204
    assert operator.get(address).status_code == 404


def test_a_name_is_taken_once_and_limits_are_numbers_in_range(operator):
    Plan.objects.create(name="large")

    assert post_json(operator, "/v1/plans", {"name": "large"}).status_code == 409
    for wrong in (-1, 10**9, "many", True):
        answer = post_json(operator, "/v1/plans", {"name": "other", "logs": wrong})
        assert answer.json()["errors"][0]["field"] == "logs", wrong


def test_staff_need_the_permission_that_the_admin_asks_of_them():
    person = a_user(an_organization(), "owner", is_staff=True)
    address = f"/v1/plans/{Plan.objects.create(name='large').id}"
    assert a_client(user=person).get(address).status_code == 403

    person.user_permissions.add(Permission.objects.get(codename="view_plan"))

    assert a_client(user=person).get(address).status_code == 200
    assert change(a_client(user=person), address, {"logs": 1}).status_code == 403


def test_a_permission_of_somebody_who_is_no_staff_opens_nothing():
    person = a_user(an_organization(), "owner")
    person.user_permissions.add(Permission.objects.get(codename="view_plan"))

    assert a_client(user=person).get("/v1/plans").status_code == 403


def test_a_token_of_an_operator_reaches_as_far_as_its_scopes(superuser):
    raw = issue_token(user_id=superuser.id, name="t", scopes=["read"], expires_at=None)[1]

    assert a_client(raw).get("/v1/plans").status_code == 200
    refused = post_json(a_client(raw), "/v1/plans", {"name": "large"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


@pytest.mark.django_db(transaction=True)
def test_what_a_plan_says_holds_for_the_next_call_of_its_organization(operator, settings):
    settings.RATE_LIMIT_KEY, settings.RATE_LIMIT_ORGANIZATION = 600, 3000
    service = a_service()
    raw = a_key(service, scopes=["read"])[1]
    plan = post_json(operator, "/v1/plans", {"name": "small", "key_requests": 2}).json()

    given = change(operator, f"/v1/organizations/{service.organization_id}", {"plan": "small"})
    codes = [a_client(raw).get("/v1/services").status_code for _ in range(3)]

    assert given.json()["plan"] == "small"
    assert codes == [200, 200, 429]
    operator.delete(f"/v1/plans/{plan['id']}")
    assert Organization.objects.get(id=service.organization_id).plan is None


def test_each_change_is_in_the_audit_log_and_no_organization_sees_it_there(operator, superuser):
    home = an_organization()
    home.memberships.create(user=superuser, role="owner")
    colleague = a_client(user=a_user(home, "owner"))

    made = post_json(operator, "/v1/plans", {"name": "large", "logs": 5}).json()
    change(operator, f"/v1/plans/{made['id']}", {"logs": 7})
    change(operator, f"/v1/organizations/{home.id}", {"plan": "large"})

    told = AuditEntry.objects.filter(target_type="plan").order_by("id")
    assert [entry.action for entry in told] == ["plan.created", "plan.updated"]
    assert told[1].changes == {"logs": [5, 7]}
    assert told[1].actor_label == "user:ada"
    seen = {entry["action"] for entry in colleague.get("/v1/audit-log").json()}
    assert seen == {"organization.updated", "auth.login"}


def test_the_list_costs_the_same_for_many(operator, django_assert_num_queries):
    for number in range(5):
        Plan.objects.create(name=f"plan {number}")
    operator.get("/v1/plans")

    # The session, the person, the organizations a superuser has, whether it still is one, and the plans.
    with django_assert_num_queries(5):
        assert len(operator.get("/v1/plans").json()) == 5
