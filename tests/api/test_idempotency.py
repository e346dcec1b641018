"""One effect for one Idempotency-Key, whatever comes again, at once, from elsewhere or after a crash."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from monitor.access import rotate_key
from monitor.api.idempotency import SHOWN_ONCE, BadKey, key_of, without_secrets
from monitor.api.tasks import forget_idempotency_keys
from monitor.lib.actors import Role
from monitor.models import ApiKey, IdempotentRequest, RequestLog, Service, WebhookEndpoint
from tests.access.routes import api_routes
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs
from tests.receiver import Reply, a_receiver
from tests.web import running_web_server

EVERY_SCOPE = ["ingest", "read", "replay", "manage"]
KEY = {"Idempotency-Key": "one"}


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture
def caller(organization):
    return a_client(a_key(organization=organization, scopes=EVERY_SCOPE)[1])


def register(client, name="shop", **headers):
    return client.post(
        "/v1/services", {"name": name}, content_type="application/json", headers={**KEY, **headers}
    )


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e"', "8e03978e"),
        ('"a \\"b\\" \\\\"', 'a "b" \\'),
        ("x" * 255, "x" * 255),
        ('"', '"'),
    ],
)
def test_a_key_is_read_bare_and_quoted(header, key):
    assert key_of(header) == key


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "a b", "ä", "a\x7f"])
def test_what_is_no_key_is_refused(header):
    with pytest.raises(BadKey):
        key_of(header)


def test_a_repeat_is_given_the_first_answer_and_has_no_effect(caller):
    first, again = register(caller), register(caller)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert first["X-Request-Id"] != again["X-Request-Id"]
    assert Service.objects.filter(name="shop").count() == 1


def test_the_same_key_with_another_request_is_422(caller):
    register(caller)

    answer = register(caller, name="another")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert not Service.objects.filter(name="another").exists()


def test_a_bad_key_is_400_and_nothing_is_done(caller):
    answer = register(caller, **{"Idempotency-Key": "a b"})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert not Service.objects.exists()


def test_a_method_that_the_address_does_not_know_is_405_with_a_key_too(caller):
    assert caller.patch("/v1/services", {}, content_type="application/json", headers=KEY).status_code == 405


def test_the_key_of_another_organization_is_another_key(caller):
    other = a_client(a_key(organization=an_organization(), scopes=EVERY_SCOPE)[1])

    assert register(caller).json()["id"] != register(other).json()["id"]


def test_live_and_test_keys_do_not_meet(organization, caller):
    test_key = a_client(a_key(organization=organization, scopes=EVERY_SCOPE, mode="test")[1])
    register(caller)

    assert register(test_key).status_code == 409


def test_an_answer_is_not_for_callers_who_may_do_less(organization, caller):
    register(caller)
    reader = a_client(a_key(organization=organization, scopes=["read"])[1])
    narrower = a_client(a_key(organization=organization, scopes=["manage"])[1])

    assert register(reader).status_code == 403
    assert register(a_client("mkey_nothing")).status_code == 401
    assert register(narrower).json()["code"] == "idempotency_key_reused"


def test_a_rotated_key_meets_the_answers_of_the_one_before(organization):
    key, raw = a_key(organization=organization, scopes=EVERY_SCOPE)
    first = register(a_client(raw))
    _, successor = rotate_key(key, now=timezone.now(), overlap=timedelta(0))

    assert register(a_client(successor)).content == first.content


def test_people_have_keys_of_their_own(organization):
    ada, bob = (a_client(user=a_user(organization, "admin")) for _ in range(2))
    first = register(ada)

    assert register(ada).content == first.content
    assert register(bob).status_code == 409  # the name is taken


@pytest.mark.django_db
def test_what_the_view_refuses_is_the_answer_too():
    service = a_service()
    client = a_client(a_key(service, scopes=EVERY_SCOPE)[1])
    sent = {"service_id": str(service.id), "name": "no condition"}

    answers = [
        client.post("/v1/alerts", sent, content_type="application/json", headers=KEY) for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert answers[1]["Idempotent-Replayed"] == "true"


def test_a_conflict_is_not_the_last_word(organization, caller):
    in_the_way = a_service(organization, name="shop")

    assert register(caller).status_code == 409
    in_the_way.delete()
    assert register(caller).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_failure_of_ours_undoes_the_effect_and_may_be_tried_again(caller, monkeypatch, settings):
    def fail_after(**fields):
        Service.objects.create(**fields)
        raise RuntimeError("half way")

    with monkeypatch.context() as broken:
        broken.setattr("monitor.services.api.register_service", fail_after)
        caller.raise_request_exception = False
        assert register(caller).status_code == 500
        assert not Service.objects.exists()

    assert register(caller).status_code == 201
    assert Service.objects.count() == 1


def test_an_answer_is_forgotten_after_a_day(caller):
    register(caller)
    IdempotentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert register(caller, name="another").status_code == 201
    IdempotentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    forget_idempotency_keys(timestamp=0)
    assert not IdempotentRequest.objects.exists()


def test_an_answer_that_is_too_large_is_not_kept_and_not_made_twice(caller, monkeypatch):
    monkeypatch.setattr("monitor.api.idempotency.MAX_BODY_BYTES", 10)

    first, again = register(caller), register(caller)

    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["code"] == "idempotency_answer_not_kept"
    assert Service.objects.count() == 1


@pytest.mark.django_db
def test_a_new_key_is_shown_once_and_never_stored():
    service = a_service()
    client = a_client(a_key(service, scopes=EVERY_SCOPE)[1])
    address, sent = f"/v1/services/{service.id}/keys", {"name": "another"}

    first, again = (
        client.post(address, sent, content_type="application/json", headers=KEY) for _ in range(2)
    )

    raw = first.json()["raw_key"]
    assert raw.startswith("mkey_")
    assert again.json() == {**first.json(), "raw_key": None}
    assert again["Idempotent-Omitted"] == "raw_key"
    assert ApiKey.objects.filter(name="another").count() == 1


def test_the_secret_of_a_webhook_is_shown_once_and_its_address_is_sealed(caller):
    sent = {"url": "https://shop.example/hook?token=hush-hush", "enabled_events": ["*"]}

    first, again = (
        caller.post("/v1/webhook-endpoints", sent, content_type="application/json", headers=KEY)
        for _ in range(2)
    )

    assert first.json()["secret"].startswith("whsec_")
    assert again.json() == {**first.json(), "secret": None}
    assert WebhookEndpoint.objects.count() == 1
    assert b"hush" not in bytes(IdempotentRequest.objects.get().sealed_body)


def test_secrets_are_found_by_name_and_by_form():
    body = json.dumps(
        {"a": ["whsec_AAAAAAAAAAAAAAAA"], "raw_key": "short", "n": 1, "key_prefix": "mkey_12345678"}
    )

    kept, omitted = without_secrets(body.encode())

    assert json.loads(kept) == {"a": [None], "raw_key": None, "n": 1, "key_prefix": "mkey_12345678"}
    assert omitted == ["a", "raw_key"]


@pytest.mark.django_db
def test_ingestion_does_not_look_at_the_header():
    service = a_service()
    client = a_client(a_key(service)[1])

    for _ in range(2):
        answer = client.post("/v1/logs", a_log(), content_type="application/json", headers=KEY)
        assert answer.status_code == 201

    assert RequestLog.objects.count() == 2
    assert not IdempotentRequest.objects.exists()


def writes(document):
    for path, operations in document["paths"].items():
        for method in {"post", "patch"} & set(operations):
            yield path, method, operations[method]


@pytest.mark.django_db
def test_every_post_and_patch_takes_the_header_and_says_so(client):
    taking = {
        (path, method)
        for path, method, operation in writes(client.get("/openapi.json").json())
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
    }

    expected = {
        ("/" + pattern.replace("<str:", "{").replace(">", "}"), method.lower())
        for pattern, route in api_routes().items()
        for method in {"POST", "PATCH"} & set(route.methods)
        if pattern.startswith("v1/") and getattr(route.view.cls, "takes_idempotency_key", True)
    }
    assert taking == expected
    # The doors of ingestion and nothing else.
    doors = {path for path, _, _ in writes(client.get("/openapi.json").json())} - {path for path, _ in taking}
    assert {path.removeprefix("/otlp") for path in doors} == {
        "/v1/logs",
        "/v1/logs/batch",
        "/v1/import/har",
        "/v1/import/ndjson",
        "/v1/traces",
        "/v1/metrics",
    }


@pytest.mark.django_db
def test_no_answer_shows_a_secret_that_a_replay_would_give_again(client):
    """Members with such names must be among those that are left out, or name no secret."""
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    suspicious = {
        name
        for schema, content in schemas.items()
        if not schema.endswith("Request")
        for name in content.get("properties", {})
        if any(word in name for word in ("secret", "raw_", "password"))
    }
    # A proxy's password is its mask.
    named = {"old_secret_until", "has_password", "password"}
    assert suspicious <= {*SHOWN_ONCE, *named}


# --- On a real server --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_fifty_equal_posts_at_once_have_one_effect():
    organization = an_organization()
    raw = a_key(organization=organization, scopes=EVERY_SCOPE)[1]
    headers = {"Authorization": f"Bearer {raw}", **KEY}

    with running_web_server(workers=2) as server:

        def post(_):
            return httpx.post(
                f"{server.address}/v1/services", json={"name": "shop"}, headers=headers, timeout=60
            )

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(post, range(50)))

    made = [each for each in answers if each.status_code == 201]
    assert Service.objects.filter(organization=organization).count() == 1
    assert {each.status_code for each in answers} <= {201, 409}
    assert sum("Idempotent-Replayed" not in each.headers for each in made) == 1
    assert len({each.content for each in made}) == 1
    for waiting in (each for each in answers if each.status_code == 409):
        assert waiting.json()["code"] == "idempotency_request_in_progress"
        assert waiting.headers["Retry-After"] == "2"


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_killed_leaves_a_key_that_is_free_after_its_lease():
    with a_receiver("/hook") as target:
        target.reply = lambda arrived: Reply(after_s=30)
        service = a_service(base_url=target.url)
        headers = {"Authorization": f"Bearer {a_key(service)[1]}", **KEY}
        url = f"{target.url}/orders"
        (log_id,) = keep_logs(service, a_log(method="POST", url=url, path="/orders", request_body="{}"))

        def replay(address):
            return httpx.post(f"{address}/v1/logs/{log_id}/replay", json={}, headers=headers, timeout=60)

        with (
            ThreadPoolExecutor(1) as pool,
            running_web_server(OUTBOUND_ALLOW="127.0.0.0/8") as server,
        ):
            under_way = pool.submit(replay, server.address)
            while not target.arrived:
                assert not under_way.done()
            at_once = replay(server.address)
            server.kill()
            assert isinstance(under_way.exception(), httpx.TransportError)
        target.reply = lambda arrived: Reply()
        target.released.set()

        with running_web_server(OUTBOUND_ALLOW="127.0.0.0/8") as server:
            locked = replay(server.address)
            assert (at_once.status_code, locked.status_code) == (409, 409)
            row = IdempotentRequest.objects.get()
            assert row.locked_until <= row.created_at + timedelta(seconds=60)
            # As when the lease is over.
            IdempotentRequest.objects.update(locked_until=timezone.now())
            answers = [replay(server.address) for _ in range(2)]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len(target.arrived) == 2


def test_the_link_of_an_invitation_is_not_kept(organization):
    person = a_client(user=a_user(organization, Role.OWNER))
    first, again = (
        person.post(
            "/v1/invitations", {"email": "eve@x.example"}, content_type="application/json", headers=KEY
        )
        for _ in range(2)
    )

    assert "/invitation/" in first.json()["link"]
    assert again.json() == {**first.json(), "link": None}
