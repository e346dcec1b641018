"""The doors behind a real server: chunked bodies, keep-alive, many senders at once."""

import gzip
import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from django.utils import timezone

from monitor.models import AlertEvent, Endpoint, RequestLog
from monitor.models.partitions import drop_day, existing_days
from tests.factories import a_key, a_log, a_rule, a_service, rfc3339

pytestmark = pytest.mark.django_db(transaction=True)
SENDERS = 8


@pytest.fixture
def service():
    return a_service()


@pytest.fixture(params=["web_server", "plain_web_server"])
def served(request):
    """The address: once as ASGI, where the lane answers, and once as plain WSGI, where the view does."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def reporter(served, service):
    headers = {"Authorization": f"Bearer {a_key(service)[1]}"}
    with httpx.Client(base_url=served, headers=headers, timeout=30) as client:
        yield client


def pieces(body, size=1000):
    """Bytes as a generator, which httpx sends chunked, without a Content-Length."""
    return (body[start : start + size] for start in range(0, len(body), size))


def at_once(work, arguments):
    with ThreadPoolExecutor(SENDERS) as pool:
        return list(pool.map(work, arguments))


JSON = {"Content-Type": "application/json"}


def test_a_chunked_log_is_kept_whole(reporter):
    body = json.dumps(a_log(request_body="x" * 50_000)).encode()

    answer = reporter.post("/v1/logs", content=pieces(body), headers=JSON)

    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 201
    kept = reporter.get(f"/v1/logs/{answer.json()['id']}").json()
    assert kept["request_body"] == "x" * 50_000


def test_a_chunked_compressed_batch_is_kept_whole(reporter):
    body = "\n".join(json.dumps(a_log(path=f"/{number}")) for number in range(500)).encode()
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}

    answer = reporter.post("/v1/logs/batch", content=pieces(gzip.compress(body), 100), headers=headers)

    assert (answer.status_code, answer.json()["accepted"]) == (201, 500)


def test_a_chunked_empty_body_is_a_problem(reporter):
    assert reporter.post("/v1/logs", content=iter([]), headers=JSON).status_code == 400


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_beyond_the_limit_is_413_and_the_server_goes_on(reporter, served, chunked):
    body = b" " * (5 * 1024 * 1024)

    answer = reporter.post("/v1/logs", content=pieces(body, 65536) if chunked else body, headers=JSON)

    assert answer.status_code == 413
    # By a new connection: gunicorn closes one whose body was not read to its end.
    assert (
        httpx.post(f"{served}/v1/logs", json=a_log(), headers=reporter.headers, timeout=60).status_code == 201
    )


def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing_behind(reporter, served):
    address = urlsplit(served)
    body = json.dumps([a_log(), a_log()])
    head = (
        f"POST /v1/logs/batch HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: {reporter.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall((head + body[: len(body) // 2]).encode())

    assert reporter.get("/v1/logs").json() == []
    assert reporter.post("/v1/logs", json=a_log()).status_code == 201


def test_one_event_from_many_senders_at_once_is_kept_and_judged_once(reporter, service):
    a_rule(service, "status_code == 500")
    event = a_log(event_id="e", timestamp=rfc3339(timezone.now()), status_code=500, request_body="b")

    answers = at_once(lambda _: reporter.post("/v1/logs", json=event), range(4 * SENDERS))

    assert Counter(answer.status_code for answer in answers) == {201: 4 * SENDERS}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert RequestLog.objects.count() == AlertEvent.objects.count() == 1
    assert reporter.get("/v1/metrics").json()["total_requests"] == 1


def test_overlapping_batches_in_any_order_are_kept_once(reporter):
    moment = rfc3339(timezone.now())
    events = [a_log(event_id=f"e{number}", timestamp=moment) for number in range(2000)]
    batches = [events, events[::-1]] * (SENDERS // 2)

    answers = at_once(lambda batch: reporter.post("/v1/logs/batch", json=batch), batches)

    assert Counter(answer.status_code for answer in answers) == {201: len(batches)}
    assert RequestLog.objects.count() == len(events)


def test_a_missing_day_is_made_once_by_senders_that_meet_there(reporter):
    moment = timezone.now() - timedelta(days=17)
    drop_day(moment.date())

    answers = at_once(
        lambda number: reporter.post(
            "/v1/logs", json=a_log(timestamp=rfc3339(moment), request_body=str(number))
        ),
        range(SENDERS),
    )

    assert Counter(answer.status_code for answer in answers) == {201: SENDERS}
    assert existing_days().count(moment.date()) == 1
    assert len(reporter.get("/v1/logs").json()) == SENDERS


def test_a_new_endpoint_and_consumer_are_made_once(reporter, service):
    answers = at_once(
        lambda _: reporter.post("/v1/logs", json=a_log(path="/new", consumer="acme")), range(2 * SENDERS)
    )

    assert Counter(answer.status_code for answer in answers) == {201: 2 * SENDERS}
    assert Endpoint.objects.filter(service=service).count() == 1
    assert len({log.consumer_id for log in RequestLog.objects.all()}) == 1


def test_the_server_speaks_problems_for_what_it_does_not_know(reporter):
    answer = reporter.get("/v1/nothing/here")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]
