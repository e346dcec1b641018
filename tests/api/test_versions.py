"""Versions by date: the newest, an older one that is still answered, and those that there are not."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils.http import parse_http_date

from monitor.api.versions import CURRENT, NAMES, VERSIONS
from monitor.models import ApiKey, Service
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, post_json

pytestmark = pytest.mark.django_db
OLDER = "2026-11-01"


@pytest.fixture
def organization():
    return an_organization()


def caller(organization, **fields):
    return a_client(a_key(organization=organization, scopes=["read", "manage"], **fields)[1])


def ask(client, address, version=None):
    return client.get(address, headers={"API-Version": version} if version else {})


def test_without_a_wish_the_newest_is_answered(organization):
    answer = ask(caller(organization), "/v1/services")

    assert (answer.json(), answer["API-Version"]) == ([], CURRENT)
    assert "Deprecation" not in answer
    assert "Sunset" not in answer


def test_an_older_version_has_lists_in_an_envelope(organization):
    for number in range(3):
        a_service(organization, name=f"service {number}")
    client = caller(organization)

    first = ask(client, "/v1/services?limit=2&count=exact", OLDER).json()
    second = ask(client, first["next"], OLDER).json()

    assert [row["name"] for row in first["data"] + second["data"]] == ["service 2", "service 1", "service 0"]
    assert (first["total_count"], second["total_count"], second["next"]) == (3, 3, None)
    assert first["data"] == ask(client, "/v1/services?limit=2").json()


def test_an_older_version_says_until_when_it_is_answered(organization):
    a_service(organization)
    a_service(organization)

    answer = ask(caller(organization), "/v1/services?limit=1", OLDER)

    assert answer["API-Version"] == OLDER
    assert answer["Deprecation"] == "@1795219200"
    assert parse_http_date(answer["Sunset"]) == 1826755200
    assert re.search(r'<[^>]+>; rel="next", <[^>]+/docs/api-changelog>; rel="deprecation"', answer["Link"])


def test_one_object_and_its_errors_are_the_same_in_both(organization):
    service = a_service(organization)
    client = caller(organization)

    for address in (f"/v1/services/{service.id}", "/v1/services/nonsense"):
        newer, older = (ask(client, address, version) for version in (CURRENT, OLDER))
        assert newer.status_code == older.status_code
        assert newer.json() | {"request_id": ""} == older.json() | {"request_id": ""}
        assert older["Deprecation"]


def test_a_key_may_be_pinned_and_a_request_may_still_ask_otherwise(organization):
    pinned = caller(organization, api_version=OLDER)

    assert ask(pinned, "/v1/services").json()["data"] == []
    assert ask(pinned, "/v1/services", CURRENT).json() == []


def test_a_pin_is_given_when_a_key_is_made_and_goes_on_to_its_successor(organization):
    service = a_service(organization)
    owner = a_client(user=a_user(organization, "owner"))

    made = post_json(owner, f"/v1/services/{service.id}/keys", {"name": "ci", "api_version": OLDER}).json()
    refused = post_json(owner, f"/v1/services/{service.id}/keys", {"name": "ci", "api_version": "1.0"})

    assert made["api_version"] == OLDER
    assert ask(a_client(made["raw_key"]), "/v1/services").json()["data"]
    assert refused.json()["errors"][0]["field"] == "api_version"
    owner.post(f"/services/{service.id}/keys/{made['id']}/rotate", {"overlap": "1"})
    assert set(ApiKey.objects.filter(service=service).values_list("api_version", flat=True)) == {OLDER}


def test_a_pin_to_a_version_that_is_gone_is_passed_over(organization):
    assert ask(caller(organization, api_version="2020-01-01"), "/v1/services")["API-Version"] == CURRENT


@pytest.mark.parametrize("version", ["2020-01-01", "2", "latest"])
def test_an_unknown_version_is_refused_before_anything_is_done(organization, version):
    answer = caller(organization).post(
        "/v1/services", {"name": "x"}, content_type="application/json", headers={"API-Version": version}
    )

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "api_version_unknown"
    assert OLDER in answer.json()["detail"]
    assert not Service.objects.exists()


def test_what_services_report_is_kept_whatever_version_they_name():
    client = a_client(a_key()[1])

    answer = client.post(
        "/v1/logs", a_log(), content_type="application/json", headers={"API-Version": "2020-01-01"}
    )

    assert answer.status_code == 201


def name_in_a_box(response):
    """A change of objects, as the one of lists is seen in no answer to a POST."""
    if isinstance(response.data, dict) and "name" in response.data:
        response.data = {"boxed": response.data["name"]}


def make(client, version=None, key="one"):
    asked = {"API-Version": version} if version else {}
    return client.post(
        "/v1/services",
        {"name": "shop"},
        content_type="application/json",
        headers={"Idempotency-Key": key, **asked},
    )


@pytest.mark.parametrize("is_pinned", [False, True])
def test_an_answer_that_is_kept_is_in_its_version_and_so_is_its_repeat(organization, monkeypatch, is_pinned):
    monkeypatch.setattr("monitor.api.versions.lists_are_arrays.tell_as_before", name_in_a_box)
    client = caller(organization, **({"api_version": OLDER} if is_pinned else {}))
    version = None if is_pinned else OLDER

    first, again = make(client, version), make(client, version)

    assert (first.json(), first["API-Version"]) == ({"boxed": "shop"}, OLDER)
    assert again.content == first.content
    for name in ("API-Version", "Deprecation", "Sunset", "Link"):
        assert again[name] == first[name]
    assert again["Idempotent-Replayed"] == "true"


def test_a_key_that_comes_again_in_another_version_is_another_request(organization):
    client = caller(organization)

    first, other, named = make(client), make(client, OLDER), make(client, CURRENT)

    assert (first.status_code, other.status_code, named.status_code) == (201, 422, 201)
    assert (other["API-Version"], named["Idempotent-Replayed"]) == (OLDER, "true")


def test_what_is_answered_in_front_of_a_view_names_the_version_too(organization):
    assert make(caller(organization), OLDER, key="a b")["API-Version"] == OLDER


def test_the_page_and_the_document_tell_of_every_version():
    page = Client().get("/docs/api-changelog").content.decode()
    document = (Path(__file__).parents[2] / "docs/api-changelog.md").read_text()

    for version in VERSIONS:
        assert version.name in page
        assert f"## {version.name}" in document
    assert re.findall(r"^## (\S+)", document, re.MULTILINE) == list(NAMES)
