"""/v1/customers: consumers by the name that people who try an API out look for, in both modes."""

import pytest

from monitor.models import Event
from tests.factories import a_client, a_key, a_log, a_service, an_organization, keep_logs, post_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_customer_is_made_got_changed_and_listed(organization, mode):
    client = a_client(a_key(organization=organization, scopes=["read", "manage"], mode=mode)[1])

    made = post_json(client, "/v1/customers", {"identifier": "acme", "name": "Acme", "group": "paying"})
    address = f"/v1/customers/{made.json()['id']}"
    changed = client.patch(address, {"group": "trial"}, content_type="application/json")

    assert made.status_code == 201
    assert changed.json()["group"] == "trial"
    assert client.get(address).json() == client.get(address.replace("customers", "consumers")).json()
    assert [row["identifier"] for row in client.get("/v1/customers").json()] == ["acme"]
    assert client.get("/v1/customers?group=paying").json() == []
    assert Event.objects.get(type="consumer.created").mode == mode


@pytest.mark.parametrize("mode", ["live", "test"])
def test_ingestion_knows_a_customer_that_was_made(organization, mode):
    client = a_client(a_key(organization=organization, scopes=["read", "manage"], mode=mode)[1])
    made = post_json(client, "/v1/customers", {"identifier": "acme"}).json()

    keep_logs(a_service(organization), a_log(consumer="acme"), a_log(consumer="acme"), mode=mode)

    (row,) = client.get(f"/v1/customers?mode={mode}").json()
    assert (row["id"], row["requests"]) == (made["id"], 2)


def test_a_customer_is_made_once(organization):
    client = a_client(a_key(organization=organization, scopes=["manage"])[1])

    assert post_json(client, "/v1/customers", {"identifier": "acme"}).status_code == 201
    assert post_json(client, "/v1/consumers", {"identifier": "acme"}).status_code == 409


def test_another_organizations_customer_is_not_found(organization):
    client = a_client(a_key(organization=organization, scopes=["manage"])[1])
    stranger = a_client(a_key(organization=an_organization(), scopes=["read", "manage"])[1])
    made = post_json(client, "/v1/customers", {"identifier": "acme"}).json()

    assert stranger.get(f"/v1/customers/{made['id']}").status_code == 404
