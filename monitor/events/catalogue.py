"""Every type of event that the product tells, with the schema of its data. `GET /v1/event-types` shows it.

A schema's version rises when a receiver of the old one could stumble: a member gone or of another kind.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.events.schemas import (
    ID,
    MAYBE_ID,
    MAYBE_MOMENT,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    MOMENT,
    NUMBER,
    TEXT,
    TEXTS,
    WHOLE,
    Schema,
    members,
    one_of,
)

# The shape of what is around `data`. Endpoints keep the version they were made with.
API_VERSIONS = ("2026-11-21",)
TYPE = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)+")
AN_ID = "019a3b5c-7d8e-7f10-8a2b-3c4d5e6f7081"
ANOTHER_ID = "019a3b5c-7d8e-7f10-9b3c-4d5e6f708192"
A_MOMENT = "2026-11-21T09:30:00.000Z"


@dataclass(frozen=True, kw_only=True)
class EventType:
    """A type of event, the schema of its data, and data that fits it."""

    name: str
    description: str
    data: Schema
    example: Mapping[str, Any]
    version: int = 1

    @property
    def example_text(self) -> str:
        return json.dumps(self.example)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a whole delivery."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.description,
            **members(
                {
                    "id": TEXT,
                    "type": {"const": self.name},
                    "timestamp": MOMENT,
                    "api_version": one_of(*API_VERSIONS),
                    "mode": one_of("live", "test"),
                    "environment": TEXT,
                    "service_id": MAYBE_ID,
                    "data": self.data,
                }
            ),
        }


_A_LOG = {
    "log_id": AN_ID,
    "method": "POST",
    "path": "/orders",
    "status_code": 503,
    "latency_ms": 1204.5,
    "error": None,
}
_LOG = {
    "log_id": ID,
    "method": TEXT,
    "path": TEXT,
    "status_code": MAYBE_WHOLE,
    "latency_ms": MAYBE_NUMBER,
    "error": MAYBE_TEXT,
}
_KEY = {
    "key_id": ID,
    "name": TEXT,
    "prefix": TEXT,
    "scopes": TEXTS,
    "expires_at": MAYBE_MOMENT,
    "revoked_at": MAYBE_MOMENT,
}
_A_KEY = {
    "key_id": AN_ID,
    "name": "checkout",
    "prefix": "mkey_7Gq2Lx4z9Qw1",
    "scopes": ["ingest", "read"],
    "expires_at": None,
    "revoked_at": None,
}
_ALERT = {"rule_id": ID, "rule": TEXT, "condition": TEXT, "message": TEXT, "url": TEXT}
# Of rules over windows.
_WINDOW = {
    "incident": TEXT,
    "severity": TEXT,
    "group": TEXT,
    "value": MAYBE_NUMBER,
    "since": MAYBE_MOMENT,
    "until": MAYBE_MOMENT,
    "runbook_url": TEXT,
}
_AN_ALERT = {
    "rule_id": ANOTHER_ID,
    "rule": "Server errors",
    "condition": "status_code >= 500",
    "message": "Server errors: status_code >= 500 on POST /orders (status_code 503)",
    "url": f"https://monitor.example/alerts-ui/{ANOTHER_ID}",
}
_MONITOR = {"monitor_id": ID, "name": TEXT, "url": TEXT, "reason": MAYBE_TEXT}
_A_MONITOR = {
    "monitor_id": AN_ID,
    "name": "Checkout",
    "url": "https://shop.example/health",
    "reason": "No complete answer within 10 s.",
}
_ENDPOINT = {"endpoint_id": ID, "url": TEXT, "enabled_events": TEXTS, "reason": MAYBE_TEXT}
_AN_ENDPOINT = {
    "endpoint_id": AN_ID,
    "url": "https://shop.example/hooks",
    "enabled_events": ["alert.*"],
    "reason": None,
}
_DELIVERY = {
    "delivery_id": ID,
    "endpoint_id": ID,
    "event_id": TEXT,
    "event_type": TEXT,
    "attempts": WHOLE,
    "status_code": MAYBE_WHOLE,
    "error_class": TEXT,
}
_A_DELIVERY = {
    "delivery_id": AN_ID,
    "endpoint_id": ANOTHER_ID,
    "event_id": "evt_019a3b5c7d8e7f108a2b3c4d5e6f7081",
    "event_type": "alert.firing",
    "attempts": 10,
    "status_code": 500,
    "error_class": "http_5xx",
}


def _endpoint_event(word: str, description: str, reason: str | None = None) -> EventType:
    return EventType(
        name=f"webhook.endpoint.{word}",
        description=description,
        data=members(_ENDPOINT),
        example={**_AN_ENDPOINT, "reason": reason},
    )


TYPES = (
    EventType(
        name="log.error",
        description="A request failed: its log has an error, or a status of 500 and above.",
        data=members({**_LOG, "consumer": TEXT, "trace_id": TEXT, "captured_at": MOMENT, "url": TEXT}),
        example={
            **_A_LOG,
            "consumer": "acme",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "captured_at": A_MOMENT,
            "url": f"https://monitor.example/log/{AN_ID}",
        },
    ),
    EventType(
        name="alert.firing",
        description="An alert rule matched a log; or what it watches over windows is not well.",
        data=members(_ALERT, {**_LOG, **_WINDOW}),
        example={**_AN_ALERT, **_A_LOG},
    ),
    EventType(
        name="alert.resolved",
        description="What an alert rule watches over windows is well again. The incident is as it fired.",
        data=members(_ALERT, _WINDOW),
        example={
            **_AN_ALERT,
            "condition": "error rate is above 5 % over 5 minutes",
            "message": "Server errors is over after 12 minutes: now 0.2 %",
            "incident": f"{ANOTHER_ID}::1795253400",
            "severity": "critical",
            "group": "",
            "value": 0.2,
            "since": A_MOMENT,
            "until": "2026-11-21T09:35:00.000Z",
            "runbook_url": "",
        },
    ),
    EventType(
        name="key.created",
        description="An API key was made. The key itself is never told.",
        data=members(_KEY),
        example=_A_KEY,
    ),
    EventType(
        name="key.revoked",
        description="An API key opens nothing any more.",
        data=members(_KEY),
        example={**_A_KEY, "revoked_at": A_MOMENT},
    ),
    EventType(
        name="replay.finished",
        description="A kept request was sent again; success means that an answer came, whatever its code.",
        data=members(
            {
                "replay_id": ID,
                "log_id": ID,
                "status": one_of("success", "failed"),
                "method": TEXT,
                "status_code": MAYBE_WHOLE,
                "latency_ms": MAYBE_NUMBER,
                "error": MAYBE_TEXT,
                "replayed_by": TEXT,
            }
        ),
        example={
            "replay_id": AN_ID,
            "log_id": ANOTHER_ID,
            "status": "success",
            "method": "POST",
            "status_code": 201,
            "latency_ms": 84.2,
            "error": None,
            "replayed_by": "user:ada",
        },
    ),
    EventType(
        name="consumer.created",
        description="A consumer was met, or made known, for the first time.",
        data=members({"consumer_id": ID, "identifier": TEXT, "name": TEXT, "group": TEXT}),
        example={"consumer_id": AN_ID, "identifier": "acme", "name": "Acme Ltd", "group": "paying"},
    ),
    EventType(
        name="monitor.down",
        description="A monitored address does not do what it should.",
        data=members(_MONITOR),
        example=_A_MONITOR,
    ),
    EventType(
        name="monitor.up",
        description="A monitored address is well again.",
        data=members(_MONITOR, {"down_s": NUMBER}),
        example={**_A_MONITOR, "reason": None, "down_s": 312.0},
    ),
    EventType(
        name="monitor.expiring",
        description="The certificate or the domain of a monitored address ends soon.",
        data=members(_MONITOR, {"what": TEXT, "until": TEXT, "days": NUMBER}),
        example={
            **_A_MONITOR,
            "reason": "The certificate ends in 6 days, on 2026-11-28.",
            "what": "certificate",
            "until": "2026-11-28T09:30:00Z",
            "days": 6,
        },
    ),
    _endpoint_event("created", "A webhook endpoint was made."),
    _endpoint_event("updated", "A webhook endpoint was changed, or its secret."),
    _endpoint_event("deleted", "A webhook endpoint was removed."),
    _endpoint_event(
        "failing",
        "Nothing could be delivered to an endpoint for 24 hours.",
        "Nothing was delivered since 2026-11-20 09:30 UTC.",
    ),
    _endpoint_event(
        "disabled",
        "Nothing is sent to an endpoint any more: it kept failing, said 410 Gone, or was switched off.",
        "Nothing was delivered for 5 days.",
    ),
    _endpoint_event("enabled", "An endpoint is sent to again."),
    EventType(
        name="webhook.delivery.exhausted",
        description="A delivery was given up after its last attempt.",
        data=members(_DELIVERY),
        example=_A_DELIVERY,
    ),
    EventType(
        name="webhook.delivery.recovered",
        description="An endpoint took a delivery after it had been failing.",
        data=members(_DELIVERY),
        example={**_A_DELIVERY, "attempts": 3, "status_code": 200, "error_class": ""},
    ),
    EventType(
        name="test.ping",
        description="A test: it says that deliveries arrive.",
        data=members({}, {"message": TEXT, "sent_by": TEXT}),
        example={"message": "Deliveries arrive.", "sent_by": "user:ada"},
    ),
)
CATALOGUE: Mapping[str, EventType] = {each.name: each for each in TYPES}
# The first words of our own types: nobody else may speak by them.
RESERVED = frozenset({each.name.partition(".")[0] for each in TYPES} | {"monitor", "apimonitor"})
# Of these there may be thousands a second. They are told where somebody listens, and kept only then.
MANY = frozenset({"log.error", "alert.firing", "consumer.created"})
