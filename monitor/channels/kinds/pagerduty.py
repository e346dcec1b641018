"""PagerDuty, Events API v2: an incident is triggered, and resolved under the same key."""

import hashlib

import msgspec
from django.conf import settings

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.way import Way
from monitor.lib.options import BadConfig, Field

MAX_KEY_CHARS = 255


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    routing_key: str


def check(options: Options) -> None:
    if not (
        options.routing_key.isascii() and options.routing_key.isalnum() and len(options.routing_key) == 32
    ):
        raise BadConfig("An integration key has 32 letters and digits.", field="routing_key")


def key_of(message: Message) -> str:
    if len(message.key) <= MAX_KEY_CHARS:
        return message.key
    return hashlib.sha256(message.key.encode()).hexdigest()


def event_of(options: Options, message: Message, action: str) -> dict[str, object]:
    event: dict[str, object] = {
        "routing_key": options.routing_key,
        "event_action": action,
        "dedup_key": key_of(message),
    }
    if action == "resolve":
        return event
    return {
        **event,
        "client": "API Monitor",
        "client_url": message.url or settings.PUBLIC_URL,
        "links": [{"href": address, "text": words} for words, address in message.links],
        "payload": {
            "summary": short(f"{message.title}: {message.text}", 1000),
            "source": short(dict(message.facts).get("Service") or message.organization, 200),
            "severity": message.severity,
            "timestamp": message.happened_at.isoformat(),
            "class": message.type,
            "custom_details": {
                **dict(message.facts),
                **{f"Request {place}": sample.line for place, sample in enumerate(message.samples, 1)},
            },
        },
    }


def tell(options: Options, message: Message, way: Way) -> None:
    address = f"{settings.PAGERDUTY_URL}/v2/enqueue"
    if message.is_closing:
        way.post_json(address, event_of(options, message, "resolve"))
        return
    way.post_json(address, event_of(options, message, "trigger"))
    if message.is_test:
        # Nobody is to be called out of bed by a test.
        way.post_json(address, event_of(options, message, "resolve"))


KIND = Kind(
    name="pagerduty",
    words="PagerDuty",
    options=Options,
    fields=(
        Field(
            name="routing_key",
            label="Integration key",
            type="secret",
            required=True,
            help="Of an integration of kind Events API v2.",
        ),
    ),
    tell=tell,
    target=lambda options: "Events API v2",
    check=check,
    secrets=frozenset({"routing_key"}),
    only_incidents=True,
    order=6,
)
