"""Forgetting a consumer: nothing that is kept tells who it was, the numbers stay, and a receipt says so."""

import json
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl, urlencode

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.consumers import erase as erasing
from monitor.consumers import forget
from monitor.consumers.erase import LAST_LOOK_AFTER, erase, names_of
from monitor.consumers.forget import AlreadyForgotten
from monitor.consumers.tasks import erase_consumer
from monitor.endpoints.history import carry_out
from monitor.endpoints.reshape import split
from monitor.events import forgetting
from monitor.events.listening import forget_listeners
from monitor.events.unpacking import unpack_events
from monitor.ingest import naming
from monitor.issues.grouping import group_errors
from monitor.metrics.compact import compact
from monitor.models import (
    AlertEvent,
    AuditEntry,
    Consumer,
    ConsumerErasure,
    Endpoint,
    EndpointMove,
    ErrorCount,
    ErrorIssue,
    Event,
    LogPayload,
    Replay,
    RequestLog,
    SavedView,
    WebhookAttempt,
    WebhookDelivery,
)
from monitor.webhooks.endpoints import make_endpoint
from tests.factories import a_client, a_log, a_rule, a_service, a_user, keep_logs

pytestmark = pytest.mark.django_db
SECRETS = ("ada@example.com", "10.1.2.3", "Lovelace", "x-ada", "born=1815")


@pytest.fixture
def service():
    return a_service(base_url="https://shop.example")


@pytest.fixture
def owner(service):
    return a_client(user=a_user(service.organization, "owner"))


def personal(**fields):
    said = {
        "url": "https://shop.example/orders?born=1815",
        "query_params": {"born": "1815"},
        "consumer": "ada@example.com",
        "source_ip": "10.1.2.3",
        "request_headers": {"x-ada": "1"},
        "request_body": '{"name": "Lovelace"}',
        "response_body": "Lovelace",
    }
    return a_log(**{**said, **fields})


def everything_kept():
    """All rows that tell of requests, as text; payloads unpacked."""
    with connection.cursor() as cursor:
        texts = []
        for table in ("request_log", "replay", "consumer", "consumer_erasure", "procrastinate_jobs"):
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")  # noqa: S608
            texts += [row[0] for row in cursor.fetchall()]
    return " ".join(
        [*texts, *(json.dumps(LogPayload.objects.contents_of(log.id)) for log in RequestLog.objects.all())]
    )


def the_consumer():
    return Consumer.objects.get(identifier="ada@example.com")


def forgotten(consumer, *, now=None):
    now = now or timezone.now()
    forget(consumer, asked_by="user:x", now=now)
    erase(consumer.id, now=now)
    erase(consumer.id, now=now + LAST_LOOK_AFTER)
    return ConsumerErasure.objects.get(consumer=consumer)


def a_replay_of(log_id, service):
    return Replay.objects.create(
        service=service,
        original_log_id=log_id,
        method="GET",
        url="https://shop.example/orders?born=1815",
        overrides={"override_body": "Lovelace"},
        status="success",
        status_code=200,
        response_headers={"x-ada": "1"},
        response_body="Lovelace",
        replayed_at=timezone.now(),
    )


def test_nothing_that_is_kept_tells_who_it_was(service):
    ids = keep_logs(service, *[personal() for _ in range(3)])
    a_replay_of(ids[0], service)
    assert all(secret in everything_kept() for secret in SECRETS)

    receipt = forgotten(the_consumer())

    assert [secret for secret in SECRETS if secret in everything_kept()] == []
    assert (receipt.logs, receipt.payloads, receipt.replays) == (3, 3, 1)
    assert receipt.finished_at - receipt.asked_at == LAST_LOOK_AFTER


def test_a_request_of_which_only_headers_and_bodies_were_kept_counts_as_erased(service):
    keep_logs(service, personal(), a_log(consumer="ada@example.com", request_body="Lovelace"))

    receipt = forgotten(the_consumer())

    assert (receipt.logs, receipt.addresses, receipt.payloads) == (2, 1, 2)


@pytest.fixture
def listener(service):
    endpoint, _ = make_endpoint(
        organization=service.organization,
        url="https://shop.example/hook",
        enabled_events=["log.error", "consumer.created"],
        now=timezone.now(),
    )
    forget_listeners()
    return endpoint


def told():
    """What log.error and consumer.created tell of consumers, oldest first."""
    events = Event.objects.filter(type__in=["log.error", "consumer.created"]).order_by("id")
    told = [json.loads(event.body)["data"] for event in events]
    return [data.get("identifier") or data["consumer"] for data in told]


@pytest.mark.parametrize("is_unpacked", [True, False])
def test_events_do_not_tell_who_it_was_and_tell_of_others(service, listener, is_unpacked, monkeypatch):
    monkeypatch.setattr(forgetting, "ROWS_A_BITE", 2)
    monkeypatch.setattr(forgetting, "OUTBOX_ROWS_A_BITE", 1)
    for _ in range(3):
        keep_logs(service, personal(status_code=500), a_log(consumer="zen", status_code=500))
    while is_unpacked and unpack_events(now=timezone.now()):
        pass
    consumer = the_consumer()

    forgotten(consumer)

    while not is_unpacked and unpack_events(now=timezone.now()):
        pass
    nameless = Consumer.objects.get(id=consumer.id).identifier
    assert sorted(told()) == sorted([nameless] * 4 + ["zen"] * 4)
    assert not Event.objects.filter(body__contains="ada@example.com").exists()


def test_events_whose_logs_are_gone_do_not_tell_it_either(service, listener):
    keep_logs(service, personal(status_code=500), a_log(status_code=500))
    unpack_events(now=timezone.now())
    RequestLog.objects.all().delete()

    forgotten(the_consumer())

    assert not Event.objects.filter(body__contains="ada@example.com").exists()
    assert "" in told()


def test_what_receivers_answered_to_such_an_event_goes_too(service, listener):
    keep_logs(service, personal(status_code=500), a_log(consumer="zen", status_code=500))
    unpack_events(now=timezone.now())
    for delivery in WebhookDelivery.objects.filter(event__type="log.error").select_related("event"):
        WebhookAttempt.objects.create(
            delivery=delivery,
            number=1,
            trigger="auto",
            started_at=timezone.now(),
            duration_ms=1.0,
            response_body=json.loads(delivery.event.body)["data"]["consumer"],
        )

    forgotten(the_consumer())

    assert sorted(WebhookAttempt.objects.values_list("response_body", flat=True)) == ["", "zen"]


def named(**fields):
    """A log that names its caller wherever a log can."""
    return personal(
        **{
            "path": "/users/ada%40example.com/orders",
            "url": "https://shop.example/users/Ada@Example.com/orders?born=1815",
            "error": "No order of ada@example.com, but of ada@example.community",
            "tags": ["user=ada@example.com", "eu"],
            "status_code": 500,
            **fields,
        }
    )


def test_its_name_goes_from_paths_errors_and_tags_and_the_rest_of_them_stays(service):
    keep_logs(service, named(), personal(path="/plain", tags=["eu"]))
    consumer = the_consumer()

    receipt = forgotten(consumer)

    log, plain = RequestLog.objects.order_by("path").values("path", "url", "error", "tags")[::-1]
    nameless = Consumer.objects.get(id=consumer.id).identifier
    assert log == {
        "path": f"/users/{nameless}/orders",
        "url": f"https://shop.example/users/{nameless}/orders",
        "error": f"No order of {nameless}, but of ada@example.community",
        "tags": [f"user={nameless}", "eu"],
    }
    assert (plain["path"], plain["tags"]) == ("/plain", ["eu"])
    counts = (
        receipt.logs,
        receipt.addresses,
        receipt.queries,
        receipt.paths,
        receipt.error_texts,
        receipt.tags,
    )
    assert counts == (2, 2, 2, 1, 1, 1)


def test_the_name_is_sealed_until_the_last_look_and_gone_afterwards(service):
    keep_logs(service, named())
    consumer, now = the_consumer(), timezone.now()

    receipt = forget(consumer, asked_by="user:x", now=now)
    assert names_of(receipt) == ["ada@example.com"]
    erase(consumer.id, now=now)
    assert "ada@example.com" not in everything_kept().replace("ada@example.community", "")

    erase(consumer.id, now=now + LAST_LOOK_AFTER)
    assert ConsumerErasure.objects.get().sealed_names is None


def test_a_display_name_is_looked_for_too(service):
    keep_logs(service, personal(path="/users/Countess%20Lovelace"))
    Consumer.objects.update(name="Countess Lovelace")

    forgotten(the_consumer())

    assert "Lovelace" not in everything_kept()


def test_logs_of_others_that_mention_it_stay_theirs(service):
    keep_logs(service, personal(), a_log(consumer="zen", path="/users/ada@example.com"))

    receipt = forgotten(the_consumer())

    assert RequestLog.objects.get(consumer__identifier="zen").path == "/users/ada@example.com"
    assert receipt.paths == 0


def test_an_erasure_that_was_asked_for_before_names_were_looked_for_is_carried_out(service):
    keep_logs(service, named())
    consumer, now = the_consumer(), timezone.now()
    forget(consumer, asked_by="user:x", now=now)
    ConsumerErasure.objects.update(sealed_names=None)

    erase(consumer.id, now=now)

    receipt = ConsumerErasure.objects.get()
    assert (receipt.addresses, receipt.paths) == (1, 0)


def test_errors_that_clients_counted_for_it_lose_the_name(service):
    keep_logs(service, personal(), a_log(consumer="zen"))
    for consumer in Consumer.objects.all():
        ErrorCount.objects.create(
            service=service,
            environment="",
            mode="live",
            day=timezone.now().date(),
            kind="server",
            endpoint=Endpoint.objects.first(),
            consumer=consumer,
            fingerprint=consumer.id.bytes,
            type="KeyError",
            message="no ada@example.com",
            traceback="line 1\nKeyError: no ada@example.com",
            count=1,
            first_seen_at=timezone.now(),
            last_seen_at=timezone.now(),
        )

    consumer = the_consumer()
    forgotten(consumer)

    texts = {row.consumer_id == consumer.id: row.message + row.traceback for row in ErrorCount.objects.all()}
    assert "ada@" not in texts[True]
    assert "ada@" in texts[False]


def test_issues_that_it_met_lose_the_name_and_go_on_counting(service):
    keep_logs(service, personal(consumer="ada", error="User Ada is locked", status_code=500))
    group_errors(now=timezone.now())
    assert ErrorIssue.objects.get().message == "User Ada is locked"
    consumer = Consumer.objects.get(identifier="ada")

    forgotten(consumer)

    nameless = Consumer.objects.get(id=consumer.id).identifier
    assert ErrorIssue.objects.get().message == f"User {nameless} is locked"
    keep_logs(service, a_log(error="User Ada is locked", status_code=500))
    group_errors(now=timezone.now())
    assert ErrorIssue.objects.get().requests == 2


def test_what_alerts_told_of_its_requests_goes_without_the_name(service):
    make_endpoint(
        organization=service.organization,
        url="https://shop.example/hook",
        enabled_events=["*"],
        now=timezone.now(),
    )
    forget_listeners()
    rule = a_rule(service)
    keep_logs(service, named(), named(consumer="zen"))
    unpack_events(now=timezone.now())
    assert AlertEvent.objects.filter(rule=rule).count() == 2

    consumer = the_consumer()
    forgotten(consumer)

    assert set(Event.objects.values_list("type", flat=True)) >= {
        "alert.firing",
        "log.error",
    }
    about = {
        log.consumer_id == consumer.id: " ".join(
            Event.objects.filter(body__contains=str(log.id)).values_list("body", flat=True)
        )
        for log in RequestLog.objects.all()
    }
    assert "/users/forgotten-" in about[True]
    assert "ada%40" not in about[True]
    assert "ada@example.com," not in about[True]
    assert "ada%40" in about[False]


def test_others_keep_everything(service):
    keep_logs(service, personal(), a_log(consumer="zen", source_ip="10.9.9.9", request_body="kept"))

    forgotten(the_consumer())

    other = RequestLog.objects.get(consumer__identifier="zen")
    assert other.source_ip == "10.9.9.9"
    assert LogPayload.objects.contents_of(other.id)["request_body"] == "kept"


def test_the_numbers_stay_and_still_equal_the_logs(service, owner):
    keep_logs(service, *[personal(latency_ms=float(n)) for n in range(5)])
    compact(now=timezone.now())
    before = owner.get("/v1/metrics").json()

    forgotten(the_consumer())

    after = owner.get("/v1/metrics").json()
    assert {**after, "until": None} == {**before, "until": None}
    call_command("check_rollups", verbosity=0)


def test_every_bite_is_taken(service, monkeypatch):
    monkeypatch.setattr(erasing, "ROWS_A_BITE", 2)
    keep_logs(service, *[personal() for _ in range(7)])

    assert forgotten(the_consumer()).logs == 7


def test_a_worker_that_is_killed_loses_one_bite_and_the_next_goes_on(service, monkeypatch):
    monkeypatch.setattr(erasing, "ROWS_A_BITE", 2)
    keep_logs(service, *[personal() for _ in range(5)])
    consumer, now = the_consumer(), timezone.now()
    forget(consumer, asked_by="x", now=now)
    real, bites = erasing.transaction.atomic, []

    def die_in_the_second(*args, **options):
        bites.append(1)
        if len(bites) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(erasing.transaction, "atomic", die_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        erase(consumer.id, now=now)
    monkeypatch.setattr(erasing.transaction, "atomic", real)
    erase(consumer.id, now=now)

    assert ConsumerErasure.objects.get().logs == 5
    assert RequestLog.objects.exclude(source_ip=None).count() == 0


def test_the_name_goes_at_once_and_the_rest_by_a_job_of_the_same_transaction(service, owner):
    keep_logs(service, personal())
    consumer = the_consumer()

    answer = owner.post(f"/v1/consumers/{consumer.id}/forget")

    assert answer.status_code == 202
    assert answer.json()["finished_at"] is None
    assert answer.json()["asked_by"].startswith("user:")
    consumer.refresh_from_db()
    assert consumer.identifier == f"forgotten-{consumer.id.hex[-12:]}"
    job = ProcrastinateJob.objects.get(task_name="monitor.consumers.tasks.erase_consumer")
    assert job.args == {"consumer_id": str(consumer.id)}
    assert owner.get("/v1/consumers").json() == []


def test_the_first_look_asks_for_a_last_one(service):
    keep_logs(service, personal())
    consumer = the_consumer()
    forget(consumer, asked_by="x", now=timezone.now())

    erase_consumer(consumer_id=str(consumer.id))

    later = ProcrastinateJob.objects.exclude(scheduled_at=None).get()
    assert later.scheduled_at - timezone.now() > LAST_LOOK_AFTER - timedelta(seconds=10)
    assert ConsumerErasure.objects.get().finished_at is None


def test_what_arrives_under_the_old_name_meanwhile_is_erased_by_the_last_look(service):
    keep_logs(service, personal())
    consumer, now = the_consumer(), timezone.now()
    forget(consumer, asked_by="x", now=now)
    erase(consumer.id, now=now)
    # A process that has not let the name go yet.
    naming._consumers[service.organization_id, "ada@example.com"] = consumer.id
    keep_logs(service, personal())

    erase(consumer.id, now=now + LAST_LOOK_AFTER)

    assert RequestLog.objects.filter(consumer=consumer).exclude(source_ip=None).count() == 0
    assert ConsumerErasure.objects.get().logs == 2


def test_processes_let_names_go_after_a_minute(service, monkeypatch):
    keep_logs(service, personal())
    consumer = the_consumer()
    Consumer.objects.filter(id=consumer.id).update(identifier="someone else")
    keep_logs(service, personal())
    assert RequestLog.objects.filter(consumer=consumer).count() == 2

    monkeypatch.setattr(naming, "_emptied_at", naming._emptied_at - naming.MAX_AGE_S - 1)
    keep_logs(service, personal())

    assert the_consumer().id != consumer.id


def test_who_sends_the_identifier_again_is_somebody_new(service, django_capture_on_commit_callbacks):
    keep_logs(service, personal())
    old = the_consumer()
    with django_capture_on_commit_callbacks(execute=True):
        forget(old, asked_by="x", now=timezone.now())

    keep_logs(service, personal())

    assert the_consumer().id != old.id


def test_nobody_is_forgotten_twice(service, owner):
    keep_logs(service, personal())
    consumer = the_consumer()
    forget(consumer, asked_by="x", now=timezone.now())

    with pytest.raises(AlreadyForgotten):
        forget(consumer, asked_by="x", now=timezone.now())
    assert owner.post(f"/v1/consumers/{consumer.id}/forget").status_code == 409
    changed = owner.patch(f"/v1/consumers/{consumer.id}", {"name": "x"}, content_type="application/json")
    assert changed.status_code == 409


def test_the_page_asks_for_the_identifier_and_shows_the_receipt(service, owner):
    keep_logs(service, personal())
    consumer = the_consumer()
    address = f"/consumers/{consumer.id}/forget"

    refused = owner.post(address, {"identifier": "grace@example.com"}, follow=True)
    assert "Nothing was erased" in refused.content.decode()
    done = unescape(owner.post(address, {"identifier": "ada@example.com"}, follow=True).content.decode())
    erase(consumer.id, now=timezone.now() + LAST_LOOK_AFTER)
    later = owner.get(f"/consumers/{consumer.id}").content.decode()

    assert "Under way" in done
    assert "ada@example.com" not in done
    assert "erased from 1 request" in later
    assert "Its name in paths" in later
    assert "Saved views" in later
    assert "Not erased" in later
    assert "Done" in later


def test_a_viewer_may_not_forget(service):
    keep_logs(service, personal())
    viewer = a_client(user=a_user(service.organization, "viewer"))

    address = f"/consumers/{the_consumer().id}"
    assert viewer.post(f"{address}/forget", {"identifier": "ada@example.com"}).status_code == 403
    assert "Forget this consumer" not in viewer.get(address).content.decode()
    assert the_consumer().forgotten_at is None


# --- What people set up ------------------------------------------------------------------------------------


def nameless(consumer):
    return Consumer.objects.get(id=consumer.id).identifier


def acme_and(service, *logs):
    keep_logs(service, personal(consumer="acme", path="/tenants/acme/orders"), *logs)
    return Consumer.objects.get(identifier="acme")


@pytest.mark.parametrize(
    ("query", "afterwards"),
    [
        ({"consumer": "acme", "window": "7d"}, {"consumer": "NEW", "window": "7d"}),
        ({"q": 'consumer:acme status:5xx "no Acme"'}, {"q": 'consumer:NEW status:5xx "no NEW"'}),
        ({"q": "path:/tenants/acme/*"}, {"q": "path:/tenants/NEW/*"}),
        ({"tag": "tenant=acme"}, {"tag": "tenant=NEW"}),
    ],
)
def test_a_saved_view_finds_what_it_found_without_the_name(service, owner, query, afterwards):
    consumer = acme_and(service)
    team = {"organization": service.organization, "query": urlencode(query), "name": "Errors of Acme"}
    view = SavedView.objects.create(**team)
    found = owner.get(f"/v1/logs?{view.query}").json()

    receipt = forgotten(consumer)

    view.refresh_from_db()
    told = {name: word.replace("NEW", nameless(consumer)) for name, word in afterwards.items()}
    assert dict(parse_qsl(view.query)) == told
    assert view.name == f"Errors of {nameless(consumer)}"
    assert receipt.views == 1
    assert [log["id"] for log in owner.get(f"/v1/logs?{view.query}").json()] == [log["id"] for log in found]


def test_views_of_others_and_other_words_stay(service):
    consumer = acme_and(service)
    other = a_service()
    kept = [
        SavedView.objects.create(organization=service.organization, name="acmes", query="q=acmesoft"),
        SavedView.objects.create(organization=service.organization, name="acme", query="environment=acme"),
        SavedView.objects.create(organization=other.organization, name="acme", query="consumer=acme"),
    ]

    receipt = forgotten(consumer)

    there = SavedView.objects.in_bulk()
    assert [(there[view.id].name, there[view.id].query) for view in kept] == [
        (view.name, view.query) for view in kept
    ]
    assert receipt.views == 0


@pytest.mark.parametrize(
    ("query", "afterwards"),
    [
        ({"consumer": "2"}, {"consumer": "NEW"}),
        ({"q": "consumer:2 status:2xx"}, {"q": "consumer:NEW status:2xx"}),
        ({"q": "path:/users/2/*"}, {"q": "path:/users/NEW/*"}),
        ({"q": "tag:user=2"}, {"q": "tag:user=NEW"}),
        # Of others, or of nobody.
        ({"consumer": "acme-2"}, None),
        ({"q": "path:/r/2/*"}, None),
        ({"q": 'endpoint:"GET /r/2/issues"'}, None),
        ({"q": "latency:>2 since:2d consumer:acme-2"}, None),
        ({"q": '"error 2 of 3"'}, None),
        ({"tag": "api=2"}, None),
    ],
)
def test_a_name_that_is_a_number_goes_from_a_view_only_where_it_is_the_consumers(service, query, afterwards):
    keep_logs(
        service,
        a_log(consumer="2", route="/r/2/issues", path="/r/2/issues", tags=["api=2", "user=2"]),
        a_log(consumer="acme-2", route="/r/2/issues", path="/r/2/issues", tags=["api=2"]),
    )
    consumer = Consumer.objects.get(identifier="2")
    team = {"organization": service.organization, "query": urlencode(query), "name": "Top 2 errors"}
    view = SavedView.objects.create(**team)

    receipt = forgotten(consumer)

    view.refresh_from_db()
    told = {name: word.replace("NEW", nameless(consumer)) for name, word in (afterwards or query).items()}
    assert dict(parse_qsl(view.query)) == told
    assert (view.name, receipt.views) == ("Top 2 errors", 1 if afterwards else 0)


def test_two_views_that_would_be_called_alike_are_numbered(service):
    consumer = acme_and(service)
    for name in ("acme", "Acme"):
        SavedView.objects.create(organization=service.organization, name=name, query="consumer=acme")

    forgotten(consumer)

    names = set(SavedView.objects.values_list("name", flat=True))
    assert names == {nameless(consumer), f"{nameless(consumer)} 2"}


def test_a_route_with_the_name_as_a_segment_is_renamed_and_keeps_its_numbers(service, owner):
    consumer = acme_and(service, a_log(consumer="zen", path="/tenants"))
    endpoint = Endpoint.objects.get(route="/tenants/acme/orders")
    compact(now=timezone.now())

    receipt = forgotten(consumer)

    assert Endpoint.objects.get(id=endpoint.id).route == f"/tenants/{nameless(consumer)}/orders"
    assert Endpoint.objects.filter(route__icontains="acme").count() == 0
    assert (receipt.routes, receipt.routes_left) == (1, 0)
    assert "acme" not in json.dumps(owner.get("/v1/endpoints").json())
    call_command("check_rollups", verbosity=0)


def test_who_calls_the_route_again_is_met_under_a_new_one_that_the_last_look_leaves_alone(service):
    consumer, now = acme_and(service), timezone.now()
    forget(consumer, asked_by="user:x", now=now)
    erase(consumer.id, now=now)
    naming.forget_names()
    keep_logs(service, a_log(consumer="acme", path="/tenants/acme/orders"))

    erase(consumer.id, now=now + LAST_LOOK_AFTER)

    routes = set(Endpoint.objects.values_list("route", flat=True))
    assert routes == {"/tenants/acme/orders", f"/tenants/{nameless(consumer)}/orders"}
    assert ConsumerErasure.objects.get().routes == 1


@pytest.mark.parametrize(
    ("identifier", "stays"), [("orders", True), ("shop-7", False), ("a@b.example", False)]
)
def test_a_plain_word_in_a_route_that_others_call_stays_and_the_receipt_says_so(service, identifier, stays):
    keep_logs(
        service,
        *[
            a_log(consumer=consumer, route=f"/{identifier}/list", path=f"/{identifier}/list")
            for consumer in (identifier, "zen")
        ],
    )
    consumer = Consumer.objects.get(identifier=identifier)

    receipt = forgotten(consumer)

    assert Endpoint.objects.get().route == (f"/{identifier}/list" if stays else f"/{nameless(consumer)}/list")
    assert (receipt.routes, receipt.routes_left) == (0, 1) if stays else (1, 0)


@pytest.mark.parametrize("identifier", ["2", "v1", "V1", "1.0"])
def test_a_version_that_others_call_is_nobodys_name_and_all_beneath_it_stays(service, identifier):
    section = f"/rest/api/{identifier}"
    keep_logs(
        service,
        *[
            a_log(consumer=consumer, route=f"{section}/{what}", path=f"{section}/{what}")
            for consumer, what in ((identifier, "issues"), ("zen", "issues"), (identifier, "rare"))
        ],
        a_log(consumer=identifier, route=f"/users/{identifier}", path=f"/users/{identifier}"),
    )
    consumer = Consumer.objects.get(identifier=identifier)

    receipt = forgotten(consumer)

    routes = set(Endpoint.objects.values_list("route", flat=True))
    assert routes == {f"{section}/issues", f"{section}/rare", f"/users/{nameless(consumer)}"}
    assert (receipt.routes, receipt.routes_left) == (1, 2)


@pytest.mark.parametrize(
    ("caller", "route", "stays"),
    [("zen", "", True), ("zen", "/issues", True), ("2", "", False), ("2", "/issues", False)],
)
def test_paths_that_were_split_off_by_a_version_stay_where_others_call_them(service, caller, route, stays):
    keep_logs(
        service,
        *[a_log(consumer=each, route="/r/{v}/issues", path="/r/2/issues") for each in ("2", caller)],
    )
    source = Endpoint.objects.get()
    move = split(source, pattern="/r/2/issues", method="GET", route=route, by="u", now=timezone.now())
    carry_out(move.id, now=timezone.now() + LAST_LOOK_AFTER * 2)

    receipt = forgotten(Consumer.objects.get(identifier="2"))

    service.refresh_from_db()
    move.refresh_from_db()
    assert [rule["pattern"] for rule in service.path_rules] == (["/r/2/issues"] if stays else [])
    assert (move.pattern == "/r/2/issues", receipt.path_rules) == (stays, 0 if stays else 1)


def test_paths_that_were_split_off_by_its_name_are_no_longer(service):
    keep_logs(service, a_log(consumer="acme", route="/t/{t}", path="/t/acme"))
    for pattern in ("/t/acme", "/t/zen"):
        move = split(
            Endpoint.objects.get(route="/t/{t}"),
            pattern=pattern,
            method="GET",
            route="",
            by="user:x",
            now=timezone.now(),
        )
        carry_out(move.id, now=timezone.now() + LAST_LOOK_AFTER * 2)
    consumer = Consumer.objects.get(identifier="acme")

    receipt = forgotten(consumer)

    service.refresh_from_db()
    assert [rule["pattern"] for rule in service.path_rules] == ["/t/zen"]
    patterns = set(EndpointMove.objects.values_list("pattern", flat=True))
    assert patterns == {f"/t/{nameless(consumer)}", "/t/zen"}
    assert (receipt.path_rules, receipt.routes) == (1, 1)


def test_a_rule_that_names_it_goes_on_and_the_audit_log_does_not_learn_the_name(service, owner):
    consumer = acme_and(service)
    rule = a_rule(service, consumer="acme")

    owner.post(f"/v1/consumers/{consumer.id}/forget")

    rule.refresh_from_db()
    assert rule.consumer == nameless(consumer)
    entries = list(AuditEntry.objects.values("action", "target_label", "changes"))
    assert "acme" not in json.dumps(entries)
    assert "consumer.forgotten" in {entry["action"] for entry in entries}
