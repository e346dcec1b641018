"""/v1/events, /v1/webhook-endpoints and /v1/webhook-deliveries."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import Event, WebhookDelivery, WebhookEndpoint
from monitor.webhooks.again import failed_within
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json, rfc3339
from tests.receiver import Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, "admin"))


def make(client, **fields):
    fields = {"url": "https://shop.example/hook", "enabled_events": ["order.*"], **fields}
    return post_json(client, "/v1/webhook-endpoints", fields)


def patch(client, endpoint_id, fields):
    return client.patch(f"/v1/webhook-endpoints/{endpoint_id}", fields, content_type="application/json")


# --- Endpoints ---------------------------------------------------------------------------------------------


def test_an_endpoint_is_made_with_a_secret_that_is_shown_this_once(admin):
    answer = make(admin, headers={"Authorization": "Bearer hunter2"}, rate_limit_per_minute=60)

    made = answer.json()
    assert (answer.status_code, made["is_active"], made["mode"]) == (201, True, "live")
    assert made["secret"].startswith("whsec_")
    assert made["headers"] == {"Authorization": "***MASKED***"}
    shown = admin.get(f"/v1/webhook-endpoints/{made['id']}")
    assert "secret" not in shown.json()
    assert b"hunter2" not in answer.content + shown.content
    assert admin.get("/v1/webhook-endpoints").json() == [shown.json()]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://shop.example:99/"}, None),
        ({"url": "not an address"}, "url"),
        ({"enabled_events": []}, "enabled_events"),
        ({"enabled_events": ["order shipped"]}, "enabled_events.0"),
        ({"enabled_events": ["log.eror"]}, "enabled_events.0"),
        ({"enabled_events": ["*.firing"]}, "enabled_events.0"),
        ({"rate_limit_per_minute": 0}, "rate_limit_per_minute"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"webhook-id": "x"}}, "headers"),
        ({"headers": {"X-A": "line\nbreak"}}, "headers"),
        ({"headers": {"X-A": "***MASKED***"}}, "headers"),
        ({"headers": ["X-A"]}, "headers"),
        ({"api_version": "2020-01-01"}, "api_version"),
        ({"mode": "other"}, "mode"),
    ],
)
def test_what_is_unfit_is_refused_by_name(admin, fields, field):
    answer = make(admin, **fields)

    if field is None:  # This installation is for this machine alone: any port will do.
        assert answer.status_code == 201
    else:
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field


def test_an_endpoint_is_changed_field_by_field(admin):
    made = make(admin, headers={"X-A": "1"}).json()

    answer = patch(admin, made["id"], {"description": "orders", "enabled_events": ["*", "log.error"]})

    assert answer.status_code == 200
    assert answer.json()["enabled_events"] == ["*", "log.error"]
    assert answer.json()["headers"] == {"X-A": "***MASKED***"}
    assert patch(admin, made["id"], {"mode": "test"}).status_code == 400
    assert patch(admin, made["id"], {"headers": {}}).json()["headers"] == {}


def test_an_endpoint_is_switched_off_and_on(admin):
    made = make(admin).json()

    off = patch(admin, made["id"], {"is_active": False}).json()
    on = patch(admin, made["id"], {"is_active": True}).json()

    assert (off["is_active"], off["disabled_reason"]) == (False, "It was switched off.")
    assert (on["is_active"], on["disabled_at"]) == (True, None)


OPEN_TO = "https://shop.example/hook?token=hunter2&shop=7"


def test_what_lets_one_in_at_the_url_is_shown_to_those_alone_who_may_change_it(admin, organization):
    made = make(admin, url=OPEN_TO).json()
    reader = a_client(user=a_user(organization, "viewer"))
    address = f"/v1/webhook-endpoints/{made['id']}"

    shown = "https://shop.example/hook?token=***MASKED***&shop=7"
    assert reader.get(address).json()["url"] == shown
    assert [each["url"] for each in reader.get("/v1/webhook-endpoints").json()] == [shown]
    changed = patch(admin, made["id"], {"description": "orders"}).json()
    assert made["url"] == changed["url"] == admin.get(address).json()["url"] == OPEN_TO
    assert [each["url"] for each in admin.get("/v1/webhook-endpoints").json()] == [OPEN_TO]
    refused = patch(admin, made["id"], {"url": shown})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "url")


def test_events_about_an_endpoint_do_not_tell_what_lets_one_in(admin):
    made = make(admin, url=OPEN_TO).json()
    patch(admin, made["id"], {"is_active": False})

    bodies = list(Event.objects.values_list("body", flat=True))

    assert len(bodies) == 2
    assert all("shop=7" in body and "hunter2" not in body for body in bodies)


def test_a_removed_endpoint_is_gone_from_the_api(admin):
    made = make(admin).json()

    assert admin.delete(f"/v1/webhook-endpoints/{made['id']}").status_code == 204

    assert admin.get(f"/v1/webhook-endpoints/{made['id']}").status_code == 404
    assert admin.get("/v1/webhook-endpoints").json() == []


def test_a_secret_is_changed_with_an_overlap(admin):
    made = make(admin).json()
    address = f"/v1/webhook-endpoints/{made['id']}/rotate-secret"

    rotated = post_json(admin, address, {"overlap_hours": 2})
    at_once = post_json(admin, address, {"overlap_hours": 0})

    assert rotated.status_code == 201
    assert rotated.json()["secret"] not in (made["secret"], at_once.json()["secret"])
    assert rotated.json()["old_secret_until"] is not None
    assert at_once.json()["old_secret_until"] is None
    assert post_json(admin, address, {"overlap_hours": 169}).status_code == 400


def test_a_key_in_test_mode_makes_an_endpoint_for_test_events(organization):
    _, raw = a_key(organization=organization, scopes=["read", "manage"], mode="test")

    assert make(a_client(raw)).json()["mode"] == "test"


def test_a_test_is_delivered_to_this_endpoint_alone(admin, receiver, other_receiver, deliver):
    made = make(admin, url=receiver.url).json()
    make(admin, url=other_receiver.url, enabled_events=["*"])

    answer = post_json(admin, f"/v1/webhook-endpoints/{made['id']}/test", {})
    deliver()

    assert (answer.status_code, answer.json()["trigger"]) == (202, "test")
    shown = admin.get(f"/v1/webhook-deliveries/{answer.json()['id']}").json()
    assert shown["status"] == "succeeded"
    assert [tried["status_code"] for tried in shown["tries"]] == [200]
    assert receiver.arrived[0].verified(made["secret"])["type"] == "test.ping"
    assert not [each for each in other_receiver.arrived if b"test.ping" in each.body]


def test_nothing_is_sent_to_one_that_is_off(admin):
    made = make(admin, is_active=False).json()

    for verb, body in (("test", {}), ("replay-failed", {"since": "2026-11-21T00:00:00Z"})):
        answer = post_json(admin, f"/v1/webhook-endpoints/{made['id']}/{verb}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


# --- Events ------------------------------------------------------------------------------------------------


def test_an_event_of_ones_own_goes_to_those_who_listen(organization, admin, receiver, deliver):
    made = make(admin, url=receiver.url).json()
    service = a_service(organization)
    _, raw = a_key(service, scopes=["ingest"])

    answer = post_json(a_client(raw), "/v1/events", {"type": "order.shipped", "data": {"order": 7}})
    deliver()

    told = answer.json()
    assert answer.status_code == 201
    assert told["service_id"] == str(service.id)
    assert receiver.arrived[0].verified(made["secret"]) == told["payload"]
    assert receiver.ids == [told["message_id"]]
    shown = admin.get(f"/v1/events/{told['id']}").json()
    assert shown["payload"]["data"] == {"order": 7}


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "alert.firing"},
        {"type": "webhook.endpoint.deleted"},
        {"type": "shipped"},
        {"type": "order..shipped"},
        {"type": "order.shipped", "data": []},
        {"type": "order.shipped", "data": {"x": "x" * 20_000}},
        {"type": "order.shipped", "data": {"x": "\x00"}},
        {},
    ],
)
def test_an_event_that_is_not_ones_own_or_unfit_is_refused(admin, fields):
    answer = post_json(admin, "/v1/events", fields)

    assert answer.status_code == 400
    assert not Event.objects.exclude(type__startswith="key.").exists()


def test_a_key_tells_events_of_its_own_mode(organization):
    _, raw = a_key(organization=organization, mode="test")

    assert post_json(a_client(raw), "/v1/events", {"type": "a.b"}).json()["mode"] == "test"
    assert post_json(a_client(raw), "/v1/events", {"type": "a.b", "mode": "live"}).status_code == 403


def test_events_are_listed_newest_first_and_filtered(admin, happen):
    first, second = happen(), happen("order.paid", environment="prod")

    ids = [each["id"] for each in admin.get("/v1/events").json()]
    assert ids == [str(second.id), str(first.id)]
    assert [each["id"] for each in admin.get("/v1/events?type=order.paid").json()] == [str(second.id)]
    assert [each["id"] for each in admin.get("/v1/events?environment=prod").json()] == [str(second.id)]
    tomorrow = rfc3339(timezone.now() + timedelta(days=1))
    assert admin.get(f"/v1/events?since={tomorrow}").json() == []
    assert len(admin.get("/v1/events?since=0&until=" + tomorrow).json()) == 2


def test_the_catalogue_tells_every_type_with_its_schema(admin):
    types = {each["name"]: each for each in admin.get("/v1/event-types").json()}

    assert types["alert.firing"]["schema"]["properties"]["type"] == {"const": "alert.firing"}
    assert types["key.created"]["version"] == 1


@pytest.mark.parametrize("address", ["/v1/events", "/v1/webhook-endpoints", "/v1/webhook-deliveries"])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    admin, happen, an_endpoint, django_assert_num_queries, address
):
    for number in range(5):
        an_endpoint(f"https://shop.example/{number}")
        happen()

    # session, user, memberships, rows
    with django_assert_num_queries(4):
        assert len(admin.get(address).json()) >= 5


# --- Deliveries --------------------------------------------------------------------------------------------


def test_a_delivery_tells_its_attempts_and_is_sent_again_on_demand(admin, receiver, happen, deliver):
    made = make(admin, url=receiver.url).json()
    receiver.replies(Reply(status=500, body=b"no stock"), Reply())
    happen()
    deliver()
    [row] = admin.get(f"/v1/webhook-deliveries?endpoint_id={made['id']}&status=pending").json()
    assert (row["attempts"], row["last_status_code"], row["last_error_class"]) == (1, 500, "http_5xx")

    answer = post_json(admin, f"/v1/webhook-deliveries/{row['id']}/retry", {})
    deliver()

    assert answer.status_code == 202
    shown = admin.get(f"/v1/webhook-deliveries/{row['id']}").json()
    assert shown["status"] == "succeeded"
    assert [tried["trigger"] for tried in shown["tries"]] == ["auto", "manual"]
    assert shown["tries"][0]["response_body"] == "no stock"
    assert shown["payload"]["type"] == "order.shipped"


def test_deliveries_are_filtered(admin, happen, an_endpoint):
    one, _ = an_endpoint("https://one.example/", events=("order.*",))
    other, _ = an_endpoint("https://other.example/", events=("order.paid",))
    shipped, paid = happen(), happen("order.paid")

    def found(query):
        return [
            (each["endpoint_id"], each["event_id"])
            for each in admin.get(f"/v1/webhook-deliveries?{query}").json()
        ]

    assert found(f"endpoint_id={other.id}") == [(str(other.id), str(paid.id))]
    assert found(f"event_id={shipped.id}") == [(str(one.id), str(shipped.id))]
    assert len(found("event_type=order.paid")) == 2
    assert found("status=dead") == []
    assert admin.get("/v1/webhook-deliveries?status=lost").status_code == 400


def test_failed_deliveries_are_counted_first_and_then_sent_again(admin, happen):
    made = make(admin).json()
    for _ in range(3):
        happen()
    WebhookDelivery.objects.update(status="dead")
    address = f"/v1/webhook-endpoints/{made['id']}"
    since = rfc3339(timezone.now() - timedelta(hours=1))

    dry = post_json(admin, f"{address}/replay-failed", {"since": since, "dry_run": True})
    assert (dry.status_code, dry.json()) == (202, {"deliveries": 3, "dry_run": True})
    assert WebhookDelivery.objects.filter(status="pending").count() == 0
    sent = post_json(admin, f"{address}/replay-failed", {"since": since})
    assert sent.json() == {"deliveries": 3, "dry_run": False}
    stopped = post_json(admin, f"{address}/stop-replays", {})
    assert (stopped.status_code, stopped.json()["deliveries"]) == (200, 3)
    assert failed_within(WebhookEndpoint.objects.get().id, since=timezone.now() - timedelta(hours=1)).exists()


def test_no_list_shows_what_another_organization_owns(admin, happen, an_endpoint):
    an_endpoint("https://shop.example/")
    event = happen()
    stranger = a_client(user=a_user(an_organization(), "owner"))

    for address in ("events", "webhook-endpoints", "webhook-deliveries"):
        assert stranger.get(f"/v1/{address}").json() == []
        assert stranger.get(f"/v1/{address}?endpoint_id={event.id}").json() == []


# --- Key pairs ---------------------------------------------------------------------------------------------


def test_an_endpoint_of_signature_v1a_shows_its_public_key_always_and_no_private_one(admin):
    made = make(admin, signature="v1a").json()

    assert made["secret"] == made["public_key"]
    assert made["public_key"].startswith("whpk_")
    shown = admin.get(f"/v1/webhook-endpoints/{made['id']}").json()
    assert (shown["public_key"], shown["signature"]) == (made["public_key"], "v1a")

    rotated = post_json(admin, f"/v1/webhook-endpoints/{made['id']}/rotate-secret", {}).json()["secret"]
    shown = admin.get(f"/v1/webhook-endpoints/{made['id']}").json()
    assert shown["public_key"] == rotated != made["public_key"]

    patch(admin, made["id"], {"signature": "v1"})
    secret = post_json(admin, f"/v1/webhook-endpoints/{made['id']}/rotate-secret", {}).json()["secret"]
    assert secret.startswith("whsec_")
    assert admin.get(f"/v1/webhook-endpoints/{made['id']}").json()["public_key"] == ""


def test_a_signature_that_nobody_knows_is_refused(admin):
    assert make(admin, signature="v2").json()["errors"][0]["field"] == "signature"
