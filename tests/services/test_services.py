"""/v1/services: register, list, read, change, remove."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.models import AlertEvent, AlertRule, ApiKey, Consumer, Endpoint, LogPayload, RequestLog, Service
from monitor.services.purge import purge
from tests.factories import (
    UNKNOWN_ID,
    a_client,
    a_key,
    a_log,
    a_rule,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    the_default_organization,
)

FIELDS = {
    "id",
    "organization",
    "name",
    "description",
    "base_url",
    "keep_bodies",
    "replay_origins",
    "retention_days",
    "error_retention_days",
    "created_at",
}


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture
def manager(organization):
    """A key of the organization that may do everything."""
    return a_client(a_key(organization=organization, scopes=["read", "manage", "ingest", "replay"])[1])


def test_a_service_needs_a_name_alone(manager, organization):
    answer = post_json(manager, "/v1/services", {"name": "shop"})

    assert answer.status_code == 201
    service = answer.json()
    assert set(service) == FIELDS
    assert service["organization"] == str(organization.id)
    assert {
        name: service[name] for name in ("name", "description", "base_url", "keep_bodies", "replay_origins")
    } == {
        "name": "shop",
        "description": "",
        "base_url": "",
        "keep_bodies": "all",
        "replay_origins": [],
    }
    assert uuid.UUID(service["id"]).version == 7
    assert manager.get(f"/v1/services/{service['id']}").json() == service
    assert manager.get("/v1/services").json() == [service]


def test_a_service_may_say_more_of_itself(manager):
    sent = {
        "name": "n" * 128,
        "description": "d" * 512,
        "base_url": "https://shop.example:8443/api",
        "keep_bodies": "errors",
        "replay_origins": ["http://staging.example:8080", "https://b.example:443"],
    }

    answer = post_json(manager, "/v1/services", sent)

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in sent} == sent


def test_origins_are_kept_as_scheme_host_and_port(manager):
    given = ["https://B.example/path?query", "http://b.example"]

    made = post_json(manager, "/v1/services", {"name": "shop", "replay_origins": given})

    assert made.json()["replay_origins"] == ["https://b.example:443", "http://b.example:80"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "   "),
        ("name", "n" * 129),
        ("name", ["a"]),
        ("name", True),
        ("description", "d" * 513),
        ("description", None),
        ("base_url", "shop.example"),
        ("base_url", "ftp://shop.example"),
        ("base_url", "javascript:alert(1)"),
        ("base_url", "https://"),
        ("base_url", "https://shop.example:99999"),
        ("base_url", "https://" + "a" * 2048 + ".example"),
        ("base_url", 7),
        ("keep_bodies", "some"),
        ("keep_bodies", None),
        ("replay_origins", "https://a.example"),
        ("replay_origins", ["gopher://a.example"]),
        ("replay_origins", ["https://a.example"] * 51),
        ("replay_origins", [None]),
        ("organization", "Default"),
        ("organization", 7),
        ("organization", UNKNOWN_ID),
    ],
)
def test_a_bad_value_is_refused_by_name(manager, field, value):
    answer = post_json(manager, "/v1/services", {"name": "shop", field: value})

    assert answer.status_code == 400
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]
    assert not Service.objects.exists()


def test_a_missing_name_is_named(manager):
    answer = post_json(manager, "/v1/services", {})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "name", "pointer": "#/name", "code": "required", "message": "This field is required."}
    ]


def test_the_id_and_the_moment_are_ours(manager):
    mine = str(uuid.uuid4())

    made = post_json(
        manager, "/v1/services", {"name": "shop", "id": mine, "created_at": "2001-01-01T00:00:00Z"}
    )

    assert made.json()["id"] != mine
    assert not made.json()["created_at"].startswith("2001")


def test_a_taken_name_is_a_conflict_within_the_organization_alone(manager):
    a_service(name="shop")
    assert post_json(manager, "/v1/services", {"name": "shop"}).status_code == 201

    refused = post_json(manager, "/v1/services", {"name": "shop"})

    assert refused.status_code == 409
    assert refused.json()["code"] == "conflict"
    assert refused.json()["errors"][0]["field"] == "name"


def test_a_name_is_free_again_once_its_service_is_removed(manager):
    first = post_json(manager, "/v1/services", {"name": "shop"}).json()
    manager.delete(f"/v1/services/{first['id']}")

    assert post_json(manager, "/v1/services", {"name": "shop"}).status_code == 201


def test_a_change_touches_what_it_names(manager):
    made = post_json(manager, "/v1/services", {"name": "shop", "description": "old"}).json()

    answer = manager.patch(
        f"/v1/services/{made['id']}", {"description": "new"}, content_type="application/json"
    )

    assert answer.status_code == 200
    assert answer.json() == {**made, "description": "new"}
    assert manager.get(f"/v1/services/{made['id']}").json() == answer.json()


def test_a_change_of_nothing_is_fine(manager):
    made = post_json(manager, "/v1/services", {"name": "shop"}).json()

    answer = manager.patch(f"/v1/services/{made['id']}", {}, content_type="application/json")

    assert (answer.status_code, answer.json()) == (200, made)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"name": "taken"}, 409, "name"),
        ({"name": ""}, 400, "name"),
        ({"base_url": "nowhere"}, 400, "base_url"),
        ({"keep_bodies": "all of them"}, 400, "keep_bodies"),
    ],
)
def test_a_bad_change_is_refused_by_name(manager, organization, change, status, field):
    a_service(organization, name="taken")
    made = post_json(manager, "/v1/services", {"name": "shop"}).json()

    answer = manager.patch(f"/v1/services/{made['id']}", change, content_type="application/json")

    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    assert manager.get(f"/v1/services/{made['id']}").json() == made


def test_a_service_stays_in_its_organization(manager):
    made = post_json(manager, "/v1/services", {"name": "shop"}).json()

    answer = manager.patch(
        f"/v1/services/{made['id']}",
        {"organization": str(an_organization().id)},
        content_type="application/json",
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "organization"


def test_another_organization_and_none_at_all_read_the_same(manager):
    """Else one could ask which organizations there are."""
    answers = [
        post_json(manager, "/v1/services", {"name": "shop", "organization": id_}).json()
        for id_ in (str(an_organization().id), str(uuid.uuid4()))
    ]

    for answer in answers:
        answer.pop("request_id")
    assert answers[0]["errors"][0]["field"] == "organization"
    assert answers[0] == answers[1]


def test_a_person_of_one_organization_registers_there(organization):
    person = a_client(user=a_user(organization, "admin"))

    made = post_json(person, "/v1/services", {"name": "shop"})

    assert made.json()["organization"] == str(organization.id)


def test_a_person_of_several_organizations_names_one(organization):
    user = a_user(organization, "admin")
    other = an_organization()
    user.memberships.create(organization=other, role="owner")
    person = a_client(user=user)

    asked = post_json(person, "/v1/services", {"name": "shop"})
    made = post_json(person, "/v1/services", {"name": "shop", "organization": str(other.id)})

    assert (asked.status_code, asked.json()["errors"][0]["field"]) == (400, "organization")
    assert (made.status_code, made.json()["organization"]) == (201, str(other.id))


def test_a_stranger_registers_in_default_where_that_was_asked_for(db, settings):
    settings.ANONYMOUS_ACCESS = "full"

    made = post_json(a_client(), "/v1/services", {"name": "shop"})

    assert made.status_code == 201
    assert made.json()["organization"] == str(the_default_organization().id)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]
)
def test_a_stranger_cannot_be_made_to_write_by_a_foreign_page(db, settings, content_type):
    """What a form can send across origins without asking is refused."""
    settings.ANONYMOUS_ACCESS = "full"

    answer = a_client().post("/v1/services", '{"name": "shop"}', content_type=content_type)

    assert answer.status_code == 415
    assert not Service.objects.exists()


def test_a_signed_in_person_writes_with_the_csrf_token_alone(organization):
    from django.test import Client

    person = Client(enforce_csrf_checks=True)
    person.force_login(a_user(organization, "admin"))

    refused = post_json(person, "/v1/services", {"name": "shop"})

    assert refused.status_code == 403
    assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_ids_that_are_unknown_or_malformed(manager, method):
    ask = getattr(manager, method)

    unknown = ask(
        f"/v1/services/{uuid.uuid4()}", **({"content_type": "application/json"} if method == "patch" else {})
    )
    malformed = ask(
        "/v1/services/shop", **({"content_type": "application/json"} if method == "patch" else {})
    )

    assert unknown.status_code == 404
    assert malformed.status_code == 400
    assert malformed.json()["errors"][0]["field"] == "service_id"


def test_a_removed_service_is_gone_everywhere_at_once(manager, organization):
    service = a_service(organization)
    _, raw = a_key(service)
    rule = a_rule(service, "status_code >= 500")
    (log_id,) = keep_logs(service, a_log(status_code=500, request_body="x", consumer="acme"))

    answer = manager.delete(f"/v1/services/{service.id}")

    assert (answer.status_code, answer.content) == (204, b"")
    gone = [
        f"/v1/services/{service.id}",
        f"/v1/services/{service.id}/keys",
        f"/v1/logs/{log_id}",
        f"/v1/logs/{log_id}/replays",
        f"/v1/alerts/{rule.id}",
        f"/v1/alerts/{rule.id}/events",
    ]
    assert [manager.get(address).status_code for address in gone] == [404] * len(gone)
    assert [manager.get(f"/v1/{noun}").json() for noun in ("services", "logs", "alerts")] == [[], [], []]
    assert manager.get("/v1/metrics").json()["total_requests"] == 0
    refused = post_json(a_client(raw), "/v1/logs", a_log())
    assert (refused.status_code, refused.json()["code"]) == (401, "key_invalid")
    assert manager.delete(f"/v1/services/{service.id}").status_code == 404


def test_the_task_of_a_removed_service_takes_all_that_hung_on_it(manager, organization):
    service, other = a_service(organization), a_service(organization)
    a_key(service)
    for each in (service, other):
        a_rule(each, "status_code >= 500")
        keep_logs(each, *[a_log(status_code=500, request_body="x", path=f"/{each.id}")] * 3)

    manager.delete(f"/v1/services/{service.id}")
    (job,) = ProcrastinateJob.objects.all()
    assert job.args == {"service_id": str(service.id)}
    purge(service.id)
    purge(service.id)  # a job may run twice

    assert list(Service.objects.all()) == [other]
    assert {log.service_id for log in RequestLog.objects.all()} == {other.id}
    assert LogPayload.objects.count() == RequestLog.objects.count() == 3
    assert AlertEvent.objects.count() == 3
    assert not ApiKey.objects.exclude(service=None).exists()
    assert AlertRule.objects.get().service == other
    assert Endpoint.objects.get().service == other
    assert not Consumer.objects.exists()


def test_purging_takes_as_many_bites_as_it_needs(organization, monkeypatch):
    monkeypatch.setattr("monitor.services.purge.ROWS_A_BITE", 2)
    service = a_service(organization)
    keep_logs(service, *[a_log(request_body="x")] * 7)
    service.mark_deleted(now=service.created_at)

    purge(service.id)

    assert not RequestLog.objects.exists()
    assert not LogPayload.objects.exists()


def test_a_living_service_is_not_purged(organization):
    service = a_service(organization)
    keep_logs(service, a_log())

    purge(service.id)

    assert Service.objects.get() == service
    assert RequestLog.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_name_asked_for_by_many_at_once_is_given_once(web_server):
    raw = a_key(organization=an_organization(), scopes=["manage", "read"])[1]
    headers = {"Authorization": f"Bearer {raw}"}

    with (
        httpx.Client(base_url=web_server, headers=headers, timeout=60) as client,
        ThreadPoolExecutor(6) as pool,
    ):
        answers = list(
            pool.map(lambda _: client.post("/v1/services", json={"name": "shop"}).status_code, range(6))
        )

    assert sorted(answers) == [201, 409, 409, 409, 409, 409]


def test_query_budget_of_the_list(manager, organization, django_assert_num_queries):
    for _ in range(5):
        a_service(organization)
    manager.get("/v1/services")

    # the key; the page.
    with django_assert_num_queries(2):
        assert len(manager.get("/v1/services").json()) == 5


def test_a_service_may_keep_its_logs_for_as_long_as_it_likes(manager):
    made = post_json(manager, "/v1/services", {"name": "shop", "retention_days": 7}).json()
    assert (made["retention_days"], made["error_retention_days"]) == (7, None)
    address = f"/v1/services/{made['id']}"

    longer = manager.patch(address, {"error_retention_days": 90}, content_type="application/json")
    back = manager.patch(
        address, {"retention_days": None, "error_retention_days": None}, content_type="application/json"
    )

    assert longer.json()["error_retention_days"] == 90
    assert (back.json()["retention_days"], back.json()["error_retention_days"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"retention_days": 0}, "retention_days"),
        ({"retention_days": 3651}, "retention_days"),
        ({"retention_days": "long"}, "retention_days"),
        ({"retention_days": 20, "error_retention_days": 19}, "error_retention_days"),
        ({"error_retention_days": 29}, "error_retention_days"),
    ],
    ids=["none", "too-long", "no-number", "errors-shorter", "errors-shorter-than-the-default"],
)
def test_a_retention_that_makes_no_sense_is_refused(manager, fields, field):
    answer = post_json(manager, "/v1/services", {"name": "shop", **fields})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_shortening_what_errors_outlast_is_refused_when_it_turns_around(manager):
    made = post_json(manager, "/v1/services", {"name": "x", "retention_days": 5, "error_retention_days": 9})

    answer = manager.patch(
        f"/v1/services/{made.json()['id']}", {"retention_days": 10}, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "error_retention_days"
