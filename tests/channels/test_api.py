"""/v1/notification-channels and /v1/notification-deliveries."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.test.utils import override_settings

from monitor.channels.config import opened
from monitor.lib.masking import MASK
from monitor.lib.secrets import CannotOpen
from monitor.models import NotificationChannel, NotificationDelivery
from tests.channels.conftest import CONFIGS
from tests.factories import a_client, a_key, a_service, an_organization, post_json
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
CHANNELS, DELIVERIES = "/v1/notification-channels", "/v1/notification-deliveries"


@pytest.fixture
def caller(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage", "replay"])[1])


def a_body(kind="slack", **fields):
    url = "https://vendor.example"
    return {"kind": kind, "name": f"{kind} of ops", "config": CONFIGS[kind](url), **fields}


def patch(caller, channel_id, **fields):
    return caller.patch(f"{CHANNELS}/{channel_id}", json.dumps(fields), content_type="application/json")


def errors_of(answer):
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_a_channel_of_every_kind_is_made_and_its_secrets_are_never_shown(kind, caller):
    answer = post_json(caller, CHANNELS, a_body(kind))

    assert answer.status_code == 201
    made = answer.json()
    assert made["is_default"]
    shown = json.dumps([made, caller.get(CHANNELS).json(), caller.get(f"{CHANNELS}/{made['id']}").json()])
    assert "secret" not in shown.replace('"secret":', "")
    assert "0123456789abcdef" not in shown
    assert bool(made["secret"]) == (kind == "webhook")


def test_the_secret_of_a_webhook_is_in_that_one_answer_and_signs(caller, receiver, deliver):
    config = {"url": f"{receiver.url}/hook"}
    made = post_json(caller, CHANNELS, a_body("webhook", config=config)).json()

    answer = caller.post(f"{CHANNELS}/{made['id']}/test")
    deliver()

    assert answer.status_code == 202
    assert receiver.arrived[0].verified(made["secret"])["type"] == "test.test"
    assert made["secret"] not in json.dumps(caller.get(f"{CHANNELS}/{made['id']}").json())
    detail = caller.get(f"{DELIVERIES}/{answer.json()['id']}").json()
    assert (detail["status"], detail["tries"][0]["status_code"]) == ("succeeded", 200)


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("slack", {}, "config"),
        ("slack", {"url": "ftp://x.example"}, "config.url"),
        ("slack", {"url": "https://x.example", "more": 1}, "config"),
        ("email", {"to": []}, "config.to"),
        ("email", {"to": ["nobody"]}, "config.to"),
        ("email", {"to": ["a@b.example"], "subject_prefix": "a\nb"}, "config.subject_prefix"),
        ("telegram", {"token": "x/../y", "chat_id": "1"}, "config.token"),
        ("telegram", {"token": CONFIGS["telegram"]("")["token"], "chat_id": "a b"}, "config.chat_id"),
        ("pagerduty", {"routing_key": "short"}, "config.routing_key"),
        ("opsgenie", {"api_key": "with blanks in it"}, "config.api_key"),
        ("opsgenie", {"api_key": "long-enough", "region": "moon"}, "config.region"),
        ("webhook", {"url": "https://x.example", "body": "{{nothing}}"}, "config.body"),
        ("webhook", {"url": "https://x.example", "body": "{'no': json}"}, "config.body"),
        ("webhook", {"url": "https://x.example", "body": '{"a": {{value}}}'}, "config.body"),
        ("webhook", {"url": "https://x.example", "secret": "whsec_short"}, "config.secret"),
        ("webhook", {"url": "https://x.example", "headers": [["Host", "y"]]}, "config.headers"),
        ("webhook", {"url": "https://x.example", "headers": [["A", "b\r\nC: d"]]}, "config.headers"),
        ("apprise", {"url": "syslog://"}, "config.url"),
        ("apprise", {"url": "json://10.0.0.7/"}, "config.url"),
        ("apprise", {"url": "file:///etc/passwd"}, "config.url"),
        ("apprise", {"url": "workflows://x/y/z?template=/etc/passwd"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic?attach=/etc/passwd"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic#?attach=/etc/passwd"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic?x=1;attach=/etc/passwd"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic?%20Attach=/etc/passwd"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic?redirect=yes"}, "config.url"),
        ("apprise", {"url": "ntfys://ntfy.sh/topic?verify=no"}, "config.url"),
        ("apprise", {"url": "pover://"}, "config.url"),
    ],
)
def test_what_is_unfit_is_named_at_its_place(caller, kind, config, field):
    answer = post_json(caller, CHANNELS, a_body(kind, config=config))

    assert answer.status_code == 400
    assert field in errors_of(answer)
    assert not NotificationChannel.objects.exists()


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.7/x", "https://127.0.0.1/x", "https://169.254.169.254/", "https://[::ffff:7f00:1]/",
     "https://2130706433/", "https://0x7f.1/", "https://vendor.example:22/"],
)  # fmt: skip
def test_addresses_inside_are_refused_as_they_are_saved_or_when_they_are_called(
    caller, url, settings, deliver
):
    settings.QUICK_START = False
    for kind in ("slack", "discord", "teams", "webhook"):
        answer = post_json(caller, CHANNELS, a_body(kind, config={"url": url}))
        if answer.status_code == 201:
            # Names in numbers are looked up, and what they stand for is judged.
            caller.post(f"{CHANNELS}/{answer.json()['id']}/test")
        else:
            assert "config.url" in errors_of(answer)
    deliver()

    assert set(NotificationDelivery.objects.values_list("status", flat=True)) <= {"blocked", "dead"}


def test_masks_that_come_back_keep_their_secrets_and_new_ones_replace_them(caller):
    body = a_body("telegram")
    made = post_json(caller, CHANNELS, body).json()
    assert made["config"]["token"] == MASK

    answer = patch(caller, made["id"], config={**made["config"], "chat_id": "@ops_channel"})
    assert answer.status_code == 200
    channel = NotificationChannel.objects.get()
    whole = opened(channel.config, channel.sealed)
    assert (whole["token"], whole["chat_id"]) == (body["config"]["token"], "@ops_channel")

    new = "654321:anothersecretthatislong"
    patch(caller, made["id"], config={**made["config"], "token": new})
    channel.refresh_from_db()
    assert opened(channel.config, channel.sealed)["token"] == new


def test_secrets_do_not_follow_a_webhook_to_another_host(caller):
    config = {"url": "https://one.example/hook", "headers": [["Authorization", "Bearer hunter2"]]}
    made = post_json(caller, CHANNELS, a_body("webhook", config=config)).json()
    assert made["config"]["headers"] == [["Authorization", MASK]]

    moved = patch(caller, made["id"], config={**made["config"], "url": "https://two.example/hook"})

    assert moved.status_code == 400
    assert "send the secrets again" in errors_of(moved)["config.url"]
    same_host = patch(caller, made["id"], config={**made["config"], "url": "https://one.example/other"})
    assert same_host.status_code == 200


def test_secrets_are_sealed_and_their_key_can_be_changed(caller, settings):
    settings.SECRETS_KEYS = ["old key"]
    body = a_body("pagerduty")
    post_json(caller, CHANNELS, body)
    channel = NotificationChannel.objects.get()
    assert b"0123456789abcdef" not in bytes(channel.sealed)

    with override_settings(SECRETS_KEYS=["new key", "old key"]):
        call_command("seal_secrets", stdout=StringIO())
    channel.refresh_from_db()

    with override_settings(SECRETS_KEYS=["new key"]):
        assert opened(channel.config, channel.sealed) == body["config"]
    with override_settings(SECRETS_KEYS=["old key"]), pytest.raises(CannotOpen):
        opened(channel.config, channel.sealed)


def test_there_is_one_default_and_it_moves(caller):
    first = post_json(caller, CHANNELS, a_body()).json()
    second = post_json(caller, CHANNELS, a_body()).json()
    assert (first["is_default"], second["is_default"]) == (True, False)

    patch(caller, second["id"], is_default=True)

    defaults = NotificationChannel.objects.filter(is_default=True)
    assert [str(each.id) for each in defaults] == [second["id"]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_zone": "Moon/Crater"}, "quiet_zone"),
        ({"quiet_days": [7]}, "quiet_days.0"),
        ({"severities": ["mild"]}, "severities.0"),
        ({"subjects": ["channel"]}, "subjects.0"),
        ({"services": ["018f1e2d-3c4b-7a59-8877-665544332211"]}, "services"),
        ({"kind": "pigeon"}, "kind"),
    ],
)
def test_routing_that_says_nothing_is_refused(caller, fields, field):
    answer = post_json(caller, CHANNELS, {**a_body(), **fields})

    assert answer.status_code == 400
    assert field in errors_of(answer)


def test_services_of_another_organization_cannot_be_named(caller):
    foreign = a_service(an_organization())

    answer = post_json(caller, CHANNELS, a_body(services=[str(foreign.id)]))

    assert "services" in errors_of(answer)


def test_kind_and_organization_stay(caller):
    made = post_json(caller, CHANNELS, a_body()).json()

    assert "kind" in errors_of(patch(caller, made["id"], kind="teams"))
    assert "organization" in errors_of(patch(caller, made["id"], organization=str(an_organization().id)))


def test_quiet_hours_are_kept_and_shown(caller):
    quiet = {"quiet_from": "22:00:00", "quiet_until": "07:00:00", "quiet_zone": "Europe/Berlin"}
    made = post_json(caller, CHANNELS, a_body(**quiet, quiet_days=[6, 5, 6])).json()

    shown = caller.get(f"{CHANNELS}/{made['id']}").json()

    assert {name: shown[name] for name in quiet} == quiet
    assert shown["quiet_days"] == [5, 6]
    assert shown["target"] == "vendor.example"


def test_what_was_told_is_listed_by_channel_and_state_and_told_again(
    caller, a_channel, happen, receiver, deliver
):
    channel = a_channel(url=receiver.url)
    a_channel("email")
    receiver.replies(Reply(status=404, body=b"gone fishing"), Reply())
    happen()
    deliver()

    (row,) = caller.get(DELIVERIES, {"channel_id": str(channel.id), "status": "dead"}).json()
    assert (row["kind"], row["severity"], row["incident"]) == ("firing", "critical", "rule:all:1")
    detail = caller.get(f"{DELIVERIES}/{row['id']}").json()
    assert detail["tries"][0]["answer"] == "gone fishing"
    assert ["Value", "912 ms"] in detail["details"]["facts"]

    assert caller.post(f"{DELIVERIES}/{row['id']}/retry").status_code == 202
    deliver()
    assert caller.get(f"{DELIVERIES}/{row['id']}").json()["status"] == "succeeded"


def test_a_test_of_a_channel_that_is_off_is_a_conflict(caller):
    made = post_json(caller, CHANNELS, a_body(is_active=False)).json()

    assert caller.post(f"{CHANNELS}/{made['id']}/test").status_code == 409


def test_lists_cost_the_same_with_one_row_and_with_many(caller, a_channel, happen, django_assert_num_queries):
    a_channel("email")
    happen(key="0")
    caller.get(CHANNELS)
    for number in range(5):
        a_channel("email")
        happen(key=str(number))

    # The key and its use, and the rows.
    with django_assert_num_queries(2):
        assert len(caller.get(CHANNELS).json()) == 6
    with django_assert_num_queries(2):
        assert len(caller.get(DELIVERIES).json()) > 6
