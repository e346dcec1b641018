"""The hub's addresses, by the DRF views and by the lane: what is kept, and what the clients are told."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from monitor.access import revoke_key
from monitor.lib.masking import MASK
from monitor.metrics.compact import compact
from monitor.models import Consumer, Endpoint, ErrorCount, Instance, LogPayload, RequestLog
from monitor.models.keys import KeyKind
from monitor.models.partitions import make_day
from monitor.retention.policy import today_of
from tests.apitally.captures import EXPECTED, log_file, message
from tests.factories import a_client, a_key, a_log, a_service, keep_logs

pytestmark = pytest.mark.django_db(transaction=True)
ACCEPTED = (202, {})
FILES = sorted(EXPECTED)


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def key(service):
    return a_key(service, kind=KeyKind.CLIENT_ID)


@pytest.fixture(params=["view", "lane"])
def post(request, key):
    """Posts a body to a call of the hub; gives the status and the JSON of the answer."""

    def address_of(call, client_id, base="/"):
        return f"{base}v2/{client_id or key[1]}/dev/{call}"

    if request.param == "view":

        def by_view(call, body, client_id=None, base="/"):
            # As PATH_INFO, since the test client would take what follows `//` for a host.
            path, _, query = address_of(call, client_id, base).partition("?")
            answer = Client().generic("POST", "/", encoded(body), "", PATH_INFO=path, QUERY_STRING=query)
            return answer.status_code, json.loads(answer.content)

        yield by_view
        return
    with httpx.Client(base_url=request.getfixturevalue("web_server"), timeout=30) as client:

        def by_lane(call, body, client_id=None, base="/"):
            # In chunks, without length and type, as FastAPI's client sends log files.
            url = f"{client.base_url}".rstrip("/") + address_of(call, client_id, base)
            answer = client.post(url, content=iter([encoded(body)]))
            return answer.status_code, answer.json()

        yield by_lane


def encoded(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def a_sync(*requests, **members):
    members = {
        "timestamp": timezone.now().timestamp(),
        "instance_uuid": str(uuid4()),
        "message_uuid": str(uuid4()),
        "requests": list(requests),
        "validation_errors": [],
        "server_errors": [],
        "consumers": [],
        "resources": None,
        **members,
    }
    return members


def some_requests(count, *, status_code=200, **fields):
    return {
        "consumer": None,
        "method": "GET",
        "path": "/items/{item_id}",
        "status_code": status_code,
        "request_count": count,
        "request_size_sum": 10 * count,
        "response_size_sum": 100 * count,
        "response_times": {"0": count - 1, "250": 1},
        "request_sizes": {"0": count},
        "response_sizes": {"0": count},
        **fields,
    }


def measured(service, **asked):
    reader = a_client(a_key(service, scopes=["read"])[1])
    return reader.get("/v1/metrics", asked).json()


def test_traffic_shows_from_aggregates_alone(post, service):
    sync = message("sync", timestamp=timezone.now().timestamp())

    assert post("sync", sync) == ACCEPTED

    told = measured(service)
    assert told["source"] == "client"
    assert told["total_requests"] == sum(each["request_count"] for each in sync["requests"]) == 16
    assert told["error_count"] == 1
    assert told["by_status"] == {"200": 9, "201": 1, "204": 1, "307": 1, "404": 1, "422": 2, "500": 1}
    groups = {each["name"]: each for each in measured(service, group_by="consumer")["groups"]}
    assert {name: each["total_requests"] for name, each in groups.items()} == counts_by(sync, "consumer")


def test_averages_of_sizes_are_of_the_requests_that_told_theirs(post, service):
    sync = message("sync", timestamp=timezone.now().timestamp())
    told = [sum(each["request_sizes"].values()) for each in sync["requests"]]
    assert (sum(told), len(told)) == (2, 14)

    post("sync", sync)

    found = measured(service)
    assert (found["request_bytes"], found["request_sized"], found["is_sized"]) == (51 + 21, 2, True)
    assert found["avg_request_bytes"] == 36
    answered = sum(sum(each["response_sizes"].values()) for each in sync["requests"])
    assert found["response_sized"] == answered == 15
    assert found["avg_response_bytes"] == pytest.approx(found["response_bytes"] / 15)


def test_a_client_that_does_not_tell_how_many_sizes_it_added_up_is_averaged_over_all(post, service):
    post("sync", a_sync(some_requests(4, request_sizes=None, response_sizes=None)))

    found = measured(service)

    assert (found["avg_request_bytes"], found["request_sized"], found["is_sized"]) == (10, 4, False)


def counts_by(sync, member):
    counted = {}
    for each in sync["requests"]:
        name = {"alice": "Alice A."}.get(each[member], each[member]) or ""
        counted[name] = counted.get(name, 0) + each["request_count"]
    return counted


def test_aggregates_count_the_same_before_and_after_they_are_compacted(post, service):
    post("sync", a_sync(some_requests(40), some_requests(2, status_code=503)))

    before = measured(service, group_by="endpoint")
    compact(now=timezone.now())
    after = measured(service, group_by="endpoint")

    assert before.pop("until") <= after.pop("until")
    assert before.pop("since") <= after.pop("since")
    assert before == after
    assert (after["total_requests"], after["error_count"]) == (42, 2)
    assert after["groups"][0]["request_bytes"] == after["request_bytes"] == 420
    assert (after["response_bytes"], after["avg_response_bytes"]) == (4200, 100)
    assert (after["request_sized"], after["response_sized"], after["is_sized"]) == (42, 42, True)
    # 40 times the middle of [0, 10) and twice that of [250, 260).
    assert after["avg_latency_ms"] == pytest.approx((40 * 5 + 2 * 255) / 42)
    assert after["p50_latency_ms"] == pytest.approx(5, rel=0.006)
    assert after["p99_latency_ms"] == pytest.approx(255, rel=0.006)


def test_a_message_that_is_sent_again_changes_nothing(post, service):
    sync, startup = message("sync", timestamp=timezone.now().timestamp()), message("startup")

    answers = [post(call, body) for _ in range(3) for call, body in (("sync", sync), ("startup", startup))]

    assert answers == [ACCEPTED] * 6
    assert measured(service)["total_requests"] == 16
    assert ErrorCount.objects.get(kind="server").count == 1
    assert Instance.objects.count() == 1


def test_rows_and_aggregates_are_never_added_up(post, service):
    now = timezone.now()
    keep_logs(service, *[a_log(environment="dev", route="/items/{item_id}")] * 5)
    keep_logs(service, *[a_log(environment="prod")] * 3)

    post("sync", a_sync(some_requests(4)))

    assert measured(service, environment="dev")["total_requests"] == 4
    assert measured(service, environment="prod")["total_requests"] == 3
    everything = measured(service)
    assert (everything["total_requests"], everything["source"]) == (7, "both")
    compact(now=now)
    assert measured(service)["total_requests"] == 7
    series = measured(service, interval="minute", since=(now - timedelta(minutes=10)).isoformat())["series"]
    assert sum(step["total_requests"] for step in series) == 7


def test_windows_of_aggregates_tile(post, service):
    # Soon after midnight they begin on a day that has no logs yet, in a database made on this one.
    make_day(today_of(timezone.now()) - timedelta(days=1))
    now = timezone.now().replace(second=31, microsecond=0) - timedelta(minutes=3)
    for minutes in range(20):
        moment = now - timedelta(minutes=minutes)
        post("sync", a_sync(some_requests(1 + minutes), timestamp=moment.timestamp()))
    compact(now=timezone.now())
    cuts = [now - timedelta(minutes=30), now - timedelta(minutes=7, seconds=13), now + timedelta(minutes=5)]

    parts = [
        measured(service, since=since.isoformat(), until=until.isoformat())["total_requests"]
        for since, until in pairwise(cuts)
    ]

    assert sum(parts) == sum(range(1, 21))
    assert all(parts)


def test_late_aggregates_are_filed_when_they_were_counted(post, service):
    earlier = timezone.now() - timedelta(minutes=50)
    post("sync", a_sync(some_requests(9), timestamp=earlier.timestamp()))

    until = (earlier + timedelta(minutes=2)).isoformat()

    assert measured(service, until=until)["total_requests"] == 9


def test_consumers_have_name_and_group_and_keep_them(post, service):
    alice = {"identifier": "alice", "name": "Alice", "group": "Admins"}
    post("sync", a_sync(consumers=[alice]))
    post("sync", a_sync(consumers=[{"identifier": "alice", "name": None, "group": "Staff"}]))

    consumer = Consumer.objects.get(organization=service.organization)

    assert (consumer.identifier, consumer.name, consumer.group) == ("alice", "Alice", "Staff")


def test_errors_are_counted_by_group(post, service):
    sync = message("sync", timestamp=timezone.now().timestamp())
    post("sync", sync)
    post("sync", {**sync, "message_uuid": str(uuid4()), "timestamp": timezone.now().timestamp()})

    (crash,) = ErrorCount.objects.filter(kind="server")
    invalid = ErrorCount.objects.filter(kind="validation", field="body.name").get()

    assert (crash.type, crash.message, crash.count) == ("ValueError", "boom happened", 2)
    assert (crash.endpoint.route, crash.consumer.identifier) == ("/boom", "alice")
    assert crash.traceback.startswith("Traceback")
    assert (invalid.message, invalid.type, invalid.count) == (
        "Input should be a valid string",
        "string_type",
        2,
    )


def test_the_paths_of_an_application_become_endpoints_that_nobody_has_called(post, service):
    startup = message("startup")

    post("startup", startup)

    listed = {(path["method"].upper(), path["path"]) for path in startup["paths"]}
    declared = Endpoint.objects.filter(service=service).exclude(declared_at=None)
    assert set(declared.values_list("method", "route")) == listed
    assert measured(service)["total_requests"] == 0


def test_an_instance_is_known_by_what_it_says_of_itself(post, service):
    startup = message("startup")
    post("startup", startup)
    post(
        "sync",
        a_sync(
            instance_uuid=startup["instance_uuid"], resources={"cpu_percent": 130.5, "memory_rss": 98_000_000}
        ),
    )
    post("sync", a_sync(instance_uuid=startup["instance_uuid"]))

    instance = Instance.objects.get(service=service)

    assert (instance.name, instance.client) == (startup["instance_uuid"], "python:starlette")
    assert instance.versions["apitally"] == "0.25.1"
    assert (instance.cpu_percent, instance.memory_bytes) == (130.5, 98_000_000)
    now = timezone.now()
    assert not instance.is_silent(now)
    assert instance.is_silent(now + timedelta(seconds=181))
    assert list(Instance.objects.silent(now + timedelta(seconds=181))) == [instance]


def test_an_idle_application_does_not_take_the_numbers_over(post, service):
    keep_logs(service, *[a_log(environment="dev")] * 2)

    post("sync", a_sync())

    assert measured(service)["total_requests"] == 2


@pytest.mark.parametrize("name", FILES)
def test_a_log_file_gives_a_row_for_each_request_once(post, service, name):
    body = log_file(name, at=timezone.now().timestamp() - 60)

    answers = [post(f"log?uuid={uuid4()}", body) for _ in range(2)]

    assert answers == [ACCEPTED] * 2
    assert RequestLog.objects.filter(service=service, environment="dev").count() == len(EXPECTED[name])


def test_secrets_that_the_client_let_through_are_masked(post, service):
    post("log?uuid=1", log_file("a-py0.25.1-fastapi-log.ndjson.gz", at=timezone.now().timestamp() - 60))

    kept = [LogPayload.objects.contents_of(log.id) for log in RequestLog.objects.all()]

    params = [each["query_params"] for each in kept if "api_key" in each.get("query_params", {})]
    assert [each["api_key"] for each in params] == [MASK]
    assert not RequestLog.objects.filter(url__contains="SECRET123").exists()


@pytest.mark.parametrize("base", ["/", "//"])
def test_a_slash_at_the_end_of_the_base_is_no_matter(post, base):
    assert post("sync", a_sync(), base=base) == ACCEPTED


@pytest.mark.parametrize("call", ["startup", "sync", "log"])
def test_only_a_client_that_is_known_is_not_switched_off(post, key, service, call):
    token = a_key(service, kind=KeyKind.WRITE_TOKEN)[1]
    own = a_key(service)[1]

    strangers = [post(call, {}, client_id=each)[0] for each in (str(uuid4()), token, own, "x")]
    revoke_key(key[0], now=timezone.now())
    deadline = timezone.now() + timedelta(seconds=6)
    while (status := post(call, {})[0]) != 404 and timezone.now() < deadline:
        pass

    assert strangers == [404] * 4
    assert status == 404


def test_a_client_id_is_no_key_in_a_header(key):
    answer = a_client(key[1]).post("/v1/logs", a_log(), content_type="application/json")

    assert answer.status_code == 401


@pytest.mark.parametrize("call", ["startup", "sync"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"'])
def test_a_message_that_can_never_be_read_is_not_sent_again(post, call, body):
    status, answer = post(call, body)

    assert status == 422
    assert answer["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\x1f\x8bjunk", gzip.compress(b"{}\n[]\n", mtime=0)])
def test_a_log_file_that_can_never_be_read_is_not_sent_again(post, body):
    assert post("log?uuid=1", body) == ACCEPTED


def test_what_is_too_large_is_not_sent_again(post, service):
    much = b" " * (16 * 1024 * 1024 + 1)

    assert post("sync", much)[0] == 422
    assert post("log?uuid=1", much) == ACCEPTED


def test_entries_that_cannot_be_read_are_left_out(post, service):
    broken = [{"method": "GET"}, None, some_requests(2, request_count=-1), some_requests(2, status_code="x")]

    answer = post("sync", a_sync(*broken, some_requests(3), consumers=None, server_errors="x", resources=[]))

    assert answer == ACCEPTED
    assert measured(service)["total_requests"] == 3


@pytest.mark.parametrize("name", ["timestamp", "time_offset"])
def test_a_moment_of_hundreds_of_digits_is_none(post, service, name):
    told = a_sync(some_requests(3), **{"timestamp": None, name: 10**400})

    assert post("sync", told) == ACCEPTED
    assert measured(service)["total_requests"] == 3


def test_no_method_but_post_is_known(key):
    assert Client().get(f"/v2/{key[1]}/dev/sync").status_code == 405


def test_the_client_id_is_not_written_to_the_log(key, caplog):
    Client().generic("POST", f"/v2/{key[1]}/dev/sync", b"{}")

    assert f"/v2/{key[1][:8]}…/dev/sync" in caplog.text
    assert key[1] not in caplog.text


def test_a_clock_that_is_ahead_is_not_believed(post, service):
    post("sync", a_sync(some_requests(5), timestamp=datetime(2060, 1, 1, tzinfo=UTC).timestamp()))

    assert measured(service)["total_requests"] == 5
