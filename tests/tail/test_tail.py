"""The live tail of a real server, read by a real client."""

import threading
import time

import httpx
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from monitor.access import revoke_key
from monitor.models import AuditEntry, arrivals
from tests.factories import a_key, a_log, a_service, a_user, keep_logs
from tests.quick import is_quick
from tests.tail.reading import tailing
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
# As a stream that is asked for something else sees nothing, this long it is looked at in vain.
QUIET_S = 1.0


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def send(address, key, *logs):
    answer = httpx.post(
        f"{address}/v1/logs/batch", json=list(logs), headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["ids"]


def test_a_log_is_told_with_the_row_that_lists_have_as_soon_as_it_is_kept(web_server):
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    headers = {"Authorization": f"Bearer {key}"}

    def told_after_s():
        told, sent_at = len(reader.named("log")), time.monotonic()
        send(web_server, key, a_log(path="/orders", tags=["v2"], consumer="acme"))
        reader.wait_for(lambda each: len(each.named("log")) > told)
        return time.monotonic() - sent_at

    with tailing(web_server, key) as reader:
        is_told_soon = is_quick(told_after_s, within_s=2)
        rows = httpx.get(f"{web_server}/v1/logs", headers=headers, timeout=60).json()

    assert reader.named("log")[::-1] == rows
    assert is_told_soon


def test_only_what_the_filters_and_the_search_leave_is_told(web_server):
    service = a_service()
    _, key = a_key(service, scopes=["ingest", "read"])

    with (
        tailing(web_server, key, q="status:5xx -env:test", method="POST") as narrow,
        tailing(web_server, key, q='"card declined"') as text,
        tailing(web_server, key, fields="id") as ids,
    ):
        sent = send(
            web_server,
            key,
            a_log(path="/a", method="POST", status_code=502),
            a_log(path="/b", method="POST", status_code=502, environment="test"),
            a_log(path="/c", method="GET", status_code=502),
            a_log(path="/d", response_body="Your CARD DECLINED today"),
        )
        for reader, count in ((narrow, 1), (text, 1), (ids, 4)):
            reader.wait_for(lambda each, count=count: len(each.named("log")) >= count)

    assert narrow.paths == ["/a"]
    assert text.paths == ["/d"]
    assert sorted(log["id"] for log in ids.named("log")) == sorted(sent)
    assert set(ids.named("log")[0]) == {"id"}


def test_another_organization_sees_nothing_of_it(web_server):
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    _, foreign = a_key(a_service(), scopes=["ingest", "read"])

    with tailing(web_server, foreign) as stranger, tailing(web_server, key) as own:
        send(web_server, key, a_log())
        own.wait_for(lambda each: each.named("log"))
        time.sleep(QUIET_S)
        send(web_server, foreign, a_log(path="/theirs"))
        stranger.wait_for(lambda each: each.named("log"))

    assert stranger.paths == ["/theirs"]
    assert own.paths == ["/orders"]


def test_a_log_whose_transaction_began_early_and_ended_late_is_not_missed(web_server):
    """Times and ids cannot tell what is new: these are all older than what was told before."""
    service = a_service()
    _, key = a_key(service, scopes=["ingest", "read"])
    written, may_commit = threading.Event(), threading.Event()
    # A process makes sure of a day before its first log, under a lock that the long transaction would keep.
    keep_logs(service, a_log(path="/before"))

    def slow_sender():
        try:
            with transaction.atomic():
                keep_logs(service, a_log(path="/slow", event_id="1", timestamp=timezone.now().isoformat()))
                written.set()
                may_commit.wait(60)
        finally:
            connection.close()

    with tailing(web_server, key) as reader:
        thread = threading.Thread(target=slow_sender)
        thread.start()
        assert written.wait(60)
        for number in range(3):
            send(web_server, key, a_log(path=f"/{number}"))
            time.sleep(0.3)
        reader.wait_for(lambda each: len(each.paths) == 3)
        may_commit.set()
        thread.join()
        reader.wait_for(lambda each: len(each.paths) == 4)

    assert reader.paths == ["/0", "/1", "/2", "/slow"]


def test_every_log_of_many_senders_is_told_once_by_every_process():
    service = a_service()
    _, key = a_key(service, scopes=["ingest", "read"])
    with running_web_server(workers=2) as server, tailing(server.address, key) as reader:

        def sender(name):
            for number in range(20):
                send(server.address, key, *(a_log(path=f"/{name}/{number}/{each}") for each in range(5)))

        threads = [threading.Thread(target=sender, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reader.wait_for(lambda each: len(each.paths) >= 400)
        time.sleep(QUIET_S)

    assert len(reader.paths) == len(set(reader.paths)) == 400


def test_a_reader_that_comes_back_gets_what_it_missed(web_server):
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    with tailing(web_server, key) as reader:
        send(web_server, key, a_log(path="/before"))
        reader.wait_for(lambda each: each.paths)
        place = reader.place
    send(web_server, key, a_log(path="/meanwhile"))

    with tailing(web_server, key, place=place) as again:
        again.wait_for(lambda each: each.paths)
        send(web_server, key, a_log(path="/after"))
        again.wait_for(lambda each: len(each.paths) == 2)

    assert again.paths == ["/meanwhile", "/after"]
    assert again.named("ready") == [{"resumed": True}]
    assert again.named("gap") == []


@pytest.mark.parametrize("place", ["1.1.1:1:", "nonsense", "999999.{now}.5:5:", "{era}.{now}.9:5:7"])
def test_a_reader_whose_place_is_not_known_any_more_is_told_so(web_server, place):
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    with tailing(web_server, key) as reader:
        era = arrivals.Place.read(reader.place).era
    place = place.format(era=era, now=int(time.time()))

    with tailing(web_server, key, place=place) as again:
        again.wait_for(lambda each: each.named("ready"))

    assert again.named("ready") == [{"resumed": False}]
    assert len(again.named("gap")) == (place != "nonsense")


def test_a_key_that_is_revoked_ends_its_stream_at_once(web_server):
    service = a_service()
    _, other = a_key(service, scopes=["ingest", "read"])

    def over_after_s():
        key, raw = a_key(service, scopes=["read"])
        with tailing(web_server, raw) as reader:
            began = time.monotonic()
            revoke_key(key, now=timezone.now())
            reader.wait_for(lambda each: each.is_over)
            took_s = time.monotonic() - began
        assert reader.named("end")[0]["code"] == "key_revoked"
        return took_s

    with tailing(web_server, other) as untouched:
        assert is_quick(over_after_s, within_s=2)
        send(web_server, other, a_log())
        untouched.wait_for(lambda each: each.paths)


def test_who_signs_out_sees_no_more(web_server):
    service = a_service()
    client = Client()
    client.force_login(a_user(service.organization))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value

    with tailing(web_server, cookies={settings.SESSION_COOKIE_NAME: cookie}) as reader:
        keep_logs(service, a_log(path="/seen"))
        reader.wait_for(lambda each: each.paths)
        client.logout()
        reader.wait_for(lambda each: each.is_over, within_s=6)
        keep_logs(service, a_log(path="/unseen"))

    assert reader.paths == ["/seen"]
    assert reader.named("end")


@pytest.mark.parametrize(
    ("scopes", "params", "status", "code"),
    [
        (None, {}, 401, "key_missing"),
        (["ingest"], {}, 403, "scope_missing"),
        (["read"], {"q": "statsu:5"}, 400, "validation_error"),
        (["read"], {"fields": "everything"}, 400, "validation_error"),
    ],
)
def test_who_may_not_or_asks_badly_gets_the_problem_that_the_api_answers(
    web_server, scopes, params, status, code
):
    headers = {"Authorization": f"Bearer {a_key(scopes=scopes)[1]}"} if scopes else {}

    answer = httpx.get(f"{web_server}/v1/logs/tail", params=params, headers=headers, timeout=60)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    told = AuditEntry.objects.filter(action="api_key.scope_denied", route="v1/logs/tail")
    assert [entry.request_id for entry in told] == [answer.json()["request_id"]] * (code == "scope_missing")


def test_a_key_and_an_organization_have_so_many_streams_at_once_and_no_more():
    service = a_service()
    raws = [a_key(service, scopes=["read"])[1] for _ in range(3)]
    _, foreign = a_key(a_service(), scopes=["read"])
    with running_web_server(TAIL_STREAMS_KEY="1", TAIL_STREAMS_ORGANIZATION="2") as server:
        with tailing(server.address, raws[0]), tailing(server.address, raws[1]):
            refused = [
                httpx.get(
                    f"{server.address}/v1/logs/tail", headers={"Authorization": f"Bearer {raw}"}, timeout=60
                )
                for raw in (raws[0], raws[2])
            ]
            with tailing(server.address, foreign) as other:
                assert other.named("ready")
        # The server hears a moment later that readers have left.
        deadline = time.monotonic() + 60
        status = 429
        while status == 429 and time.monotonic() < deadline:
            with httpx.stream(
                "GET",
                f"{server.address}/v1/logs/tail",
                headers={"Authorization": f"Bearer {raws[2]}"},
                timeout=60,
            ) as later:
                status = later.status_code
            time.sleep(0.2)
        assert status == 200

    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        assert int(answer.headers["Retry-After"]) > 0


def test_a_reader_that_is_too_slow_hears_how_many_were_dropped(web_server):
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    heavy = {"url": "https://shop.example/" + "x" * 8000, "error": "e" * 2000}

    with tailing(web_server, key) as reader:
        reader.read.clear()
        sent = 0
        for _ in range(14):
            sent += len(send(web_server, key, *(a_log(**heavy) for _ in range(250))))
            time.sleep(0.3)
        reader.read.set()
        send(web_server, key, a_log(path="/last"))
        reader.wait_for(lambda each: "/last" in each.paths, within_s=30)
        dropped = sum(each["count"] for each in reader.named("dropped"))

    assert dropped > 0
    assert len(reader.paths) - 1 + dropped == sent


def test_many_logs_at_once_are_told_up_to_a_limit_and_counted_beyond(web_server):
    _, key = a_key(a_service(), scopes=["ingest", "read"])

    with tailing(web_server, key, method="GET") as reader:
        send(web_server, key, *(a_log(method="GET" if each % 2 else "PUT") for each in range(1800)))
        reader.wait_for(lambda each: each.named("dropped"))

    assert len(reader.paths) == 500
    assert reader.named("dropped") == [{"count": 400, "unread": 0}]


def test_a_stream_outlives_its_database_connection_and_misses_nothing():
    _, key = a_key(a_service(), scopes=["ingest", "read"])
    with running_web_server() as server, tailing(server.address, key) as reader:
        for number in range(4):
            execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            send(server.address, key, a_log(path=f"/{number}"))
            time.sleep(0.2)
        reader.wait_for(lambda each: len(each.paths) == 4)

    assert reader.paths == ["/0", "/1", "/2", "/3"]
    assert reader.named("gap") == []


def test_a_server_that_is_stopped_ends_its_streams_and_does_not_wait_for_them():
    _, key = a_key(a_service(), scopes=["read"])

    def stopped_after_s():
        with (
            running_web_server(workers=2) as server,
            tailing(server.address, key) as reader,
            tailing(server.address, key) as other,
        ):
            began = time.monotonic()
            code = server.stop()
            took_s = time.monotonic() - began
            reader.wait_for(lambda each: each.is_over)
            other.wait_for(lambda each: each.is_over)
        assert code == 0
        assert reader.named("end")[0]["code"] == "server_stopping"
        return took_s

    assert is_quick(stopped_after_s, within_s=2)


def test_nothing_is_written_down_while_nobody_reads():
    service = a_service()
    execute("DELETE FROM log_watch")
    before = execute("SELECT count(*) FROM log_arrival")

    keep_logs(service, a_log())
    unwatched = execute("SELECT count(*) FROM log_arrival")
    arrivals.begin_watch()
    keep_logs(service, a_log())

    assert before == unwatched
    assert execute("SELECT count(*) FROM log_arrival") == (unwatched[0] + 1,)


def test_under_plain_wsgi_there_is_no_tail(plain_web_server):
    _, key = a_key(a_service(), scopes=["read"])

    answer = httpx.get(
        f"{plain_web_server}/v1/logs/tail", headers={"Authorization": f"Bearer {key}"}, timeout=60
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "no_streams")
