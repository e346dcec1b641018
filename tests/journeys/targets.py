"""A small shop to log in to, on loopback, and journeys through it."""

import asyncio
import json
from typing import Any

from monitor.journeys import Journey, read_document
from monitor.journeys.results import JourneyRun
from monitor.journeys.running import run_journey
from monitor.lib.outbound import OutboundPolicy
from monitor.probing.finding import Way
from tests.probing.http_target import Answer, Asked

HOME = OutboundPolicy(allow_loopback=True)
PASSWORD, TOKEN = "hunter22-long", "tok-abcdef-123456"


class Shop:
    """Logs in, tells who is in, logs out; `broken` paths answer 500."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.seen: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        self.seen.append(f"{asked.method} {asked.path}")
        if path in self.broken:
            return as_json({"error": "boom", "trace": f"at {PASSWORD}"}, status=500)
        if path == "/login":
            return self.login(asked)
        if path == "/logout":
            return Answer(204)
        if path == "/moved":
            return Answer(302, b"", {"Location": "/welcome", "Set-Cookie": "hop=first-hop; Path=/"})
        if path == "/welcome":
            return as_json({"cookies": asked.headers.get("Cookie", "")})
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return as_json({"error": "who?"}, status=401)
        if path == "/me":
            return as_json({"id": 7, "name": "ada", "roles": ["admin", "buyer"], "said": dict(asked.headers)})
        if path.startswith("/orders/"):
            return as_json({"order": path.rpartition("/")[2], "lines": [{"price": 3}, {"price": 4}]})
        return as_json({"error": "no such page"}, status=404)

    def login(self, asked: Asked) -> Answer:
        given = json.loads(asked.body or b"{}")
        if given.get("password") != PASSWORD:
            return as_json({"error": "no"}, status=403)
        return as_json(
            {"token": TOKEN, "user": {"id": 7}},
            headers={"Set-Cookie": "sid=session-of-ada; Path=/; HttpOnly", "X-Trace": "t-1"},
        )


def as_json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def log_in(base: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "Log in",
        "method": "POST",
        "url": f"{base}/login",
        "body": '{"user": "ada", "password": "{{password}}"}',
        "body_type": "json",
        "extract": [
            {"name": "token", "source": "jsonpath", "of": "$.token", "secret": True},
            {"name": "id", "source": "jsonpath", "of": "$.user.id"},
        ],
        **more,
    }


def me(base: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "Who am I",
        "url": f"{base}/me",
        "headers": [["Authorization", "Bearer {{token}}"]],
        **more,
    }


def document(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"secrets": {"password": PASSWORD}, "steps": list(steps), **more}


def go(
    *steps: dict[str, Any],
    timeout_s: float = 10,
    policy: Any = HOME,
    keep_all: bool = False,
    given: Any = None,
    **more: Any,
) -> JourneyRun:
    journey = read_document(document(*steps, **more))
    way = Way(policy=policy, timeout_s=timeout_s)
    return asyncio.run(run_journey(journey, way, variables=given, keep_all=keep_all))


def outcomes(run: JourneyRun) -> list[str]:
    return [str(step.outcome) for step in run.steps]


def go_through(journey: Journey, *, timeout_s: float = 20) -> JourneyRun:
    return asyncio.run(run_journey(journey, Way(policy=HOME, timeout_s=timeout_s)))
