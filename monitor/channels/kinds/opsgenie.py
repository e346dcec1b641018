"""Opsgenie: an alert is made, and closed by the same alias."""

import hashlib
from typing import Literal
from urllib.parse import quote

import msgspec
from django.conf import settings

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.way import Way
from monitor.lib.options import BadConfig, Field

MAX_ALIAS_CHARS = 512
PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    api_key: str
    region: Literal["us", "eu"] = "us"


def check(options: Options) -> None:
    if not (
        8 <= len(options.api_key) <= 100 and all(each.isalnum() or each == "-" for each in options.api_key)
    ):
        raise BadConfig("An API key has letters, digits and -.", field="api_key")


def alias_of(message: Message) -> str:
    if len(message.key) <= MAX_ALIAS_CHARS:
        return message.key
    return hashlib.sha256(message.key.encode()).hexdigest()


def alert_of(message: Message) -> dict[str, object]:
    tags = [message.subject, message.severity, *([message.environment] if message.environment else [])]
    return {
        "message": short(message.title, 130),
        "alias": alias_of(message),
        "description": short(message.plain(), 15_000),
        "details": {name: short(value, 500) for name, value in message.facts},
        "source": "API Monitor",
        "priority": PRIORITIES.get(message.severity, "P3"),
        "tags": [short(tag, 50) for tag in tags],
    }


def tell(options: Options, message: Message, way: Way) -> None:
    base = settings.OPSGENIE_EU_URL if options.region == "eu" else settings.OPSGENIE_URL
    headers = {"Authorization": f"GenieKey {options.api_key}"}
    if not message.is_closing:
        way.post_json(f"{base}/v2/alerts", alert_of(message), headers=headers)
    if message.is_closing or message.is_test:
        alias = quote(alias_of(message), safe="")
        way.post_json(
            f"{base}/v2/alerts/{alias}/close?identifierType=alias",
            {"source": "API Monitor", "note": short(message.text, 1000)},
            headers=headers,
        )


KIND = Kind(
    name="opsgenie",
    words="Opsgenie",
    options=Options,
    fields=(
        Field(name="api_key", label="API key", type="secret", required=True, help="Of an API integration."),
        Field(name="region", label="Region", type="choice", choices=(("us", "US"), ("eu", "EU"))),
    ),
    tell=tell,
    target=lambda options: f"region {options.region.upper()}",
    check=check,
    secrets=frozenset({"api_key"}),
    only_incidents=True,
    order=7,
)
