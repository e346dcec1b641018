"""Keys in the form that Apitally's clients insist on: they report, and do nothing else."""

import re

import pytest

from monitor.models import ApiKey
from monitor.models.keys import KeyKind
from tests.factories import a_client, a_key, a_log, a_service, a_user, post_json

pytestmark = pytest.mark.django_db
FORMS = {
    "client_id": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "token": re.compile(r"apt_[a-zA-Z0-9]{24}"),
}


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def manager(service):
    return a_client(user=a_user(service.organization, "admin"))


@pytest.mark.parametrize("kind", FORMS)
def test_the_api_makes_one_that_reports_and_does_nothing_else(service, kind):
    manager = a_client(a_key(service, scopes=["manage"])[1])

    answer = post_json(
        manager, f"/v1/services/{service.id}/keys", {"name": "app", "kind": kind, "scopes": ["manage"]}
    )

    made = answer.json()
    assert answer.status_code == 201
    assert FORMS[kind].fullmatch(made["raw_key"])
    assert (made["kind"], made["scopes"]) == (kind, ["ingest"])
    kept = ApiKey.objects.get(id=made["id"])
    assert made["raw_key"] not in f"{kept.prefix} {bytes(kept.digest)!r}"


@pytest.mark.parametrize("kind", FORMS)
def test_the_page_of_the_service_makes_one_and_shows_how_to_set_the_client_up(service, manager, kind):
    page = manager.post(
        f"/services/{service.id}/keys", {"name": "app", "kind": kind, "scopes": ["ingest"], "mode": "live"}
    )

    text = page.content.decode()
    raw = FORMS[kind].search(text)[0]
    word = "client_id" if kind == "client_id" else "write_token"
    assert page.status_code == 201
    assert f"{word}=&quot;{raw}&quot;" in text


@pytest.mark.parametrize("kind", FORMS)
def test_the_admin_makes_one_and_shows_it_once(service, kind):
    admin = a_client(user=a_user(is_staff=True, is_superuser=True))
    form = {"service": service.id, "name": "app", "kind": kind, "scopes": ["ingest"], "mode": "live"}

    page = admin.post("/admin/monitor/apikey/add/", form)

    assert page.status_code == 200
    assert FORMS[kind].search(page.content.decode())
    assert ApiKey.objects.get(service=service).scopes == ["ingest"]


def test_a_client_id_needs_a_service(service):
    admin = a_client(user=a_user(is_staff=True, is_superuser=True))
    form = {"organization": service.organization_id, "name": "app", "kind": "client_id", "scopes": ["ingest"]}

    page = admin.post("/admin/monitor/apikey/add/", {**form, "mode": "live"})

    assert "A client library reports for a service." in page.content.decode()
    assert not ApiKey.objects.exists()


def test_a_write_token_is_a_bearer_token(service):
    sender = a_client(a_key(service, kind=KeyKind.WRITE_TOKEN)[1])

    assert post_json(sender, "/v1/logs", a_log()).status_code == 201
    assert sender.get("/v1/logs").status_code == 403


@pytest.mark.parametrize("kind", FORMS)
def test_a_successor_is_of_the_same_kind(service, manager, kind):
    key, _ = a_key(service, kind=kind)

    page = manager.post(f"/services/{service.id}/keys/{key.id}/rotate", {"overlap_hours": "0"})

    assert FORMS[kind].search(page.content.decode())
    assert ApiKey.objects.exclude(id=key.id).get().kind == kind
