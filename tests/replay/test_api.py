"""Replays through the API, against a real server on loopback."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from monitor.lib.actors import Role
from monitor.models import Replay, Service
from tests.factories import a_client, a_key, a_log, a_service, a_user, keep_logs, post_json

pytestmark = pytest.mark.django_db


class Target:
    """A server that notes what it was sent and answers as its path says."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seen: list[dict[str, Any]] = []


@pytest.fixture
def target() -> Iterator[Target]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            it.seen.append(
                {
                    "method": self.command,
                    "path": self.path,
                    "headers": dict(self.headers.items()),
                    "body": self.rfile.read(length).decode(),
                }
            )
            status, headers, body = ANSWERS.get(self.path.partition("?")[0], (200, {}, b'{"ok": true}'))
            if self.path == "/slow":
                time.sleep(3)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Target(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield it
    server.shutdown()
    server.server_close()


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/failing": (503, {}, b'{"error": "down"}'),
    "/moved": (302, {"Location": "http://127.0.0.1:1/elsewhere"}, b""),
    "/secret": (200, {"Set-Cookie": "session=abc"}, b'{"access_token": "s3cr3t", "n": 1}'),
    "/large": (200, {"Content-Type": "text/plain"}, b"x" * 200_000),
    "/binary": (200, {"Content-Type": "application/octet-stream"}, b"\x00\xff\xfe"),
}


@pytest.fixture
def shop(target: Target, settings: Any) -> Service:
    """A service at the target, whose address the operator has allowed."""
    from monitor.lib.outbound import parse_allow_list

    settings.OUTBOUND_ALLOW = parse_allow_list("127.0.0.0/8")
    return a_service(base_url=target.address)


def replay(shop: Service, log: dict[str, Any], overrides: dict[str, Any] | None = None) -> Any:
    (log_id,) = keep_logs(shop, a_log(**log))
    _, raw = a_key(shop)
    return post_json(a_client(raw), f"/v1/logs/{log_id}/replay", overrides or {})


def test_a_replay_sends_the_original_and_keeps_the_answer(target: Target, shop: Service):
    answer = replay(
        shop,
        {
            "method": "POST",
            "url": f"{target.address}/orders?page=2&token=abc",
            "path": "/orders",
            "request_headers": {"Content-Type": "application/json", "Authorization": "Bearer x", "X-A": "1"},
            "request_body": '{"n": 1.10}',
        },
    )

    assert answer.status_code == 201
    (seen,) = target.seen
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/orders?page=2", '{"n": 1.10}')
    assert seen["headers"]["X-A"] == "1"
    assert "Authorization" not in seen["headers"]
    body = answer.json()
    assert body["status"] == "success"
    assert body["status_code"] == 200
    assert body["response_body"] == '{"ok": true}'
    assert body["response_headers"]["Content-Type"] == "application/json"
    assert body["latency_ms"] > 0
    assert body["error"] is None
    assert body["omitted_headers"] == ["Authorization"]
    assert body["omitted_params"] == ["token"]
    assert body["overrides"] == {}


def test_a_replay_is_audited(target: Target, shop: Service):
    (log_id,) = keep_logs(shop, a_log(url=f"{target.address}/orders"))
    person = a_user(shop.organization, Role.MEMBER)

    post_json(a_client(user=person), f"/v1/logs/{log_id}/replay", {})

    kept = Replay.objects.get()
    assert kept.replayed_by == f"user:{person.username}"
    assert kept.source_ip == "127.0.0.1"
    assert kept.replayed_at is not None


@pytest.mark.parametrize("path", ["/failing", "/moved"])
def test_any_answer_is_a_success_and_redirects_are_shown(target: Target, shop: Service, path: str):
    body = replay(shop, {"url": f"{target.address}{path}"}).json()

    assert body["status"] == "success"
    assert body["status_code"] == ANSWERS[path][0]
    assert len(target.seen) == 1


def test_no_answer_is_a_failure_that_says_why(target: Target, shop: Service, settings: Any):
    settings.REPLAY_TIMEOUT_S = 1

    body = replay(shop, {"url": f"{target.address}/slow"}).json()

    assert body["status"] == "failed"
    assert body["status_code"] is None
    assert body["error"] == "No complete answer within 1 s."


def test_an_address_that_the_operator_has_not_allowed_is_not_called(target: Target, settings: Any):
    settings.OUTBOUND_ALLOW = ()
    shop = a_service(base_url=target.address)

    body = replay(shop, {"url": f"{target.address}/orders"}).json()

    assert body["status"] == "failed"
    assert target.seen == []
    assert "127.0.0.1" not in body["error"]


def test_overrides_replace_the_original_and_are_kept_masked(target: Target, shop: Service):
    answer = replay(
        shop,
        {"method": "POST", "url": f"{target.address}/orders", "request_body": "old"},
        {
            "override_url": f"{target.address}/other?api_key=k3y&x=1",
            "override_headers": {"Authorization": "Bearer s3cr3t", "X-A": "new"},
            "override_body": '{"password": "hunter2"}',
        },
    )

    (seen,) = target.seen
    assert seen["path"] == "/other?api_key=k3y&x=1"
    assert seen["headers"]["Authorization"] == "Bearer s3cr3t"
    assert seen["body"] == '{"password": "hunter2"}'
    overrides = answer.json()["overrides"]
    assert overrides["override_url"].endswith("/other?api_key=***MASKED***&x=1")
    assert overrides["override_headers"] == {"Authorization": "***MASKED***", "X-A": "new"}
    assert overrides["override_body"] == '{"password": "***MASKED***"}'
    kept = json.dumps(list(Replay.objects.values()), default=str)
    assert not [secret for secret in ("k3y", "s3cr3t", "hunter2") if secret in kept]


def test_answers_are_masked_and_cut_like_logs(target: Target, shop: Service, settings: Any):
    secret = replay(shop, {"url": f"{target.address}/secret"}).json()
    large = replay(shop, {"url": f"{target.address}/large"}).json()
    binary = replay(shop, {"url": f"{target.address}/binary"}).json()

    assert secret["response_body"] == '{"access_token": "***MASKED***", "n": 1}'
    assert secret["response_headers"]["Set-Cookie"] == "***MASKED***"
    assert len(large["response_body"]) == settings.MAX_BODY_BYTES
    assert large["response_truncated"] is True
    assert binary["response_body"] == "\ufffd\ufffd\ufffd"


@pytest.mark.parametrize(
    ("overrides", "status", "field"),
    [
        ({"override_url": "http://127.0.0.1:1/"}, 403, "override_url"),
        ({"override_url": "nonsense://x"}, 400, "override_url"),
        ({"override_url": 5}, 400, "override_url"),
        ({"override_headers": {"X-A": "a\r\nb"}}, 400, "override_headers"),
        ({"override_headers": {"X A": "1"}}, 400, "override_headers"),
        ({"override_headers": ["X-A"]}, 400, "override_headers"),
        ({"override_headers": {"X-A": 5}}, 400, "override_headers.X-A"),
        ({"override_body": {"a": 1}}, 400, "override_body"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_field(
    target: Target, shop: Service, overrides: dict[str, Any], status: int, field: str
):
    answer = replay(shop, {"url": f"{target.address}/orders"}, overrides)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    assert target.seen == []
    assert not Replay.objects.exists()


def test_a_masked_body_needs_another(target: Target, shop: Service):
    log = {"method": "POST", "url": f"{target.address}/login", "request_body": '{"password": "x"}'}

    refused = replay(shop, log)
    sent = replay(shop, log, {"override_body": '{"password": "y"}'})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "override_body"
    assert sent.status_code == 201
    assert [seen["body"] for seen in target.seen] == ['{"password": "y"}']


def test_a_key_of_another_service_is_refused_and_of_another_organization_finds_nothing(
    target: Target, shop: Service
):
    (log_id,) = keep_logs(shop, a_log(url=f"{target.address}/orders"))
    neighbour = a_service(shop.organization)
    _, neighbours_key = a_key(neighbour)
    _, strangers_key = a_key()
    _, reading_key = a_key(shop, scopes=["read"])
    address = f"/v1/logs/{log_id}/replay"

    assert post_json(a_client(neighbours_key), address, {}).status_code == 403
    assert post_json(a_client(strangers_key), address, {}).status_code == 404
    assert post_json(a_client(reading_key), address, {}).status_code == 403
    assert post_json(a_client(), address, {}).status_code == 401
    assert target.seen == []


def test_replays_are_listed_newest_first_and_outlive_the_log(
    target: Target, shop: Service, django_assert_num_queries: Any
):
    (log_id,) = keep_logs(shop, a_log(url=f"{target.address}/orders"))
    _, raw = a_key(shop)
    client = a_client(raw)
    ids = [post_json(client, f"/v1/logs/{log_id}/replay", {}).json()["id"] for _ in range(3)]

    # The key, whether there are any, and the page.
    with django_assert_num_queries(3):
        listed = client.get(f"/v1/logs/{log_id}/replays?limit=2")
    assert [each["id"] for each in listed.json()] == [ids[2], ids[1]]
    assert 'rel="next"' in listed["Link"]

    from monitor.models import RequestLog

    RequestLog.objects.filter(id=log_id)._raw_delete("default")
    assert len(client.get(f"/v1/logs/{log_id}/replays").json()) == 3
    assert client.get(f"/v1/logs/{uuid4()}/replays").status_code == 404
