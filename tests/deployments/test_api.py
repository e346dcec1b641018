"""/v1/deployments: reported once however often it is said, and seen by those who may."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitor.models import Deployment
from monitor.services.purge import purge
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json, rfc3339

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 14, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.fixture
def service():
    return a_service(name="orders")


@pytest.fixture
def pipeline(service):
    """What an application that only reports has in its hands."""
    return a_client(a_key(service, scopes=["ingest"])[1])


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


def report(client, **fields):
    return post_json(client, "/v1/deployments", {"version": "v1", "at": rfc3339(AT), **fields})


def test_the_key_that_reports_logs_reports_deployments(pipeline, service):
    answer = report(pipeline, environment="prod")

    assert answer.status_code == 201
    made = answer.json()
    assert made["service_id"] == str(service.id)
    assert (made["version"], made["environment"]) == ("v1", "prod")
    # To the millisecond, as ids count.
    assert made["at"] == "2026-03-14T12:00:00.123000Z"
    assert made["reported_by"].startswith("key:mkey_")


def test_said_again_it_is_the_same_deployment(pipeline):
    first, again = report(pipeline), report(pipeline)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Deployment.objects.count() == 1


@pytest.mark.parametrize(
    "other", [{"version": "v2"}, {"environment": "eu"}, {"at": rfc3339(AT + timedelta(milliseconds=1))}]
)
def test_another_version_environment_or_moment_is_another_deployment(pipeline, other):
    report(pipeline)

    assert report(pipeline, **other).status_code == 201
    assert Deployment.objects.count() == 2


@pytest.mark.parametrize("name", ["id", "name"])
def test_a_service_is_named_by_its_id_or_its_name(service, pipeline, name):
    named = str(service.id) if name == "id" else "orders"

    assert report(pipeline, service=named).json()["service_id"] == str(service.id)


def test_a_name_that_several_services_have_asks_for_the_id(service):
    first, second = an_organization(), an_organization()
    for organization in (first, second):
        a_service(organization, name="twin")
    owner = a_user(first, "owner")
    owner.memberships.create(organization=second, role="owner")

    answer = report(a_client(user=owner), service="twin")

    assert answer.status_code == 400
    assert "give the id" in answer.json()["detail"]


def test_a_key_of_an_organization_must_name_the_service(service):
    client = a_client(a_key(organization=service.organization, scopes=["ingest"])[1])

    assert report(client).status_code == 400
    assert report(client, service="orders").status_code == 201


def test_what_another_organization_owns_is_not_there(pipeline):
    foreign = a_service(name="foreign")

    assert report(pipeline, service=str(foreign.id)).status_code == 404
    assert report(pipeline, service="foreign").status_code == 404
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"version": ""}, "version"),
        ({"version": "x" * 129}, "version"),
        ({"version": 1.5}, "version"),
        ({"environment": "x" * 65}, "environment"),
        ({"at": "yesterday"}, "at"),
        ({"at": "1970-01-01T00:00:00Z"}, "at"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(pipeline, fields, at_fault):
    answer = report(pipeline, **fields)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [at_fault]


def test_a_deployment_may_not_lie_far_ahead(pipeline):
    soon, later = timezone.now() + timedelta(minutes=4), timezone.now() + timedelta(minutes=6)

    assert report(pipeline, at=rfc3339(soon)).status_code == 201
    assert report(pipeline, at=rfc3339(later)).status_code == 400


def test_without_a_moment_it_is_now(pipeline):
    answer = post_json(pipeline, "/v1/deployments", {"version": "v1"})

    assert abs(timezone.now() - Deployment.objects.get(id=answer.json()["id"]).deployed_at) < timedelta(
        minutes=1
    )


def test_the_newest_stand_first_whatever_the_order_of_telling(pipeline, reader):
    for version, hours in (("v2", 2), ("v3", 3), ("v1", 1)):
        report(pipeline, version=version, at=rfc3339(AT + timedelta(hours=hours)))

    assert [row["version"] for row in reader.get("/v1/deployments").json()] == ["v3", "v2", "v1"]
    page = reader.get("/v1/deployments?limit=2")
    assert 'rel="next"' in page["Link"]
    until = rfc3339(AT + timedelta(hours=3))
    inside = reader.get("/v1/deployments", {"since": rfc3339(AT + timedelta(hours=2)), "until": until}).json()
    assert [row["version"] for row in inside] == ["v2"]


def test_the_list_narrows_by_service_and_environment(service, pipeline, reader):
    report(pipeline, environment="eu")
    report(pipeline, environment="us")

    assert [row["environment"] for row in reader.get("/v1/deployments?environment=eu").json()] == ["eu"]
    assert len(reader.get(f"/v1/deployments?service_id={service.id}").json()) == 2
    assert reader.get(f"/v1/deployments?service_id={a_service().id}").json() == []


def test_readers_see_those_of_their_own_services_alone(pipeline, reader):
    elsewhere = a_service()
    report(a_client(a_key(elsewhere, scopes=["ingest"])[1]))
    report(pipeline)

    assert len(reader.get("/v1/deployments").json()) == 1


def test_deployments_go_with_their_service(service, pipeline):
    report(pipeline)
    service.mark_deleted(now=timezone.now())

    purge(service.id)

    assert not Deployment.objects.exists()
