"""Templates of a webhook's body: `{{name}}` stands for a value. Pure, and no language: nothing can be run."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import msgspec

from monitor.channels.message import Message, Sample
from monitor.events.body import rfc3339

PLACE = re.compile(r"\{\{\s*([a-z_]+)\s*(\|\s*json\s*)?\}\}")
LEFT_OPEN = re.compile(r"\{\{|\}\}")


class BadTemplate(ValueError):
    """What of a template cannot be filled."""


def values_of(message: Message) -> dict[str, Any]:
    """All that a template may name."""
    facts = dict(message.facts)
    return {
        "id": message.id.hex,
        "title": message.title,
        "message": message.text,
        "text": message.plain(),
        "kind": message.kind,
        "subject": message.subject,
        "type": message.type,
        "severity": message.severity,
        "incident": message.key,
        "is_closing": message.is_closing,
        "organization": message.organization,
        "service": facts.get("Service", ""),
        "environment": message.environment,
        "group": message.values.get("group", ""),
        "rule": message.values.get("rule", ""),
        "monitor": message.values.get("monitor", ""),
        "value": message.values.get("value"),
        "threshold": message.values.get("threshold"),
        "url": message.url,
        "time": rfc3339(message.happened_at),
        "colour": message.colour,
        "facts": facts,
        "links": dict(message.links),
        "samples": [msgspec.to_builtins(sample) for sample in message.samples],
    }


def fill(template: str, message: Message, *, is_json: bool, content_type: str = "") -> str:
    """The template with its values. Within JSON a text is escaped, to stand between quotation marks; in forms
    and XML, too, no value can be a field or an element of its own."""
    values = values_of(message)
    escaped = escape_of(content_type)

    def value_at(match: re.Match[str]) -> str:
        value = values[match[1]]
        if match[2]:
            return escaped(json.dumps(value, ensure_ascii=False))
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        return json.dumps(text, ensure_ascii=False)[1:-1] if is_json else escaped(text)

    return PLACE.sub(value_at, template)


def escape_of(content_type: str) -> Callable[[str], str]:
    kind = content_type.lower()
    if "x-www-form-urlencoded" in kind:
        return quote_plus
    return escape if "xml" in kind or "html" in kind else str


def check_template(template: str, *, is_json: bool) -> None:
    """Raises BadTemplate, which says what is wrong with it."""
    for name, _ in PLACE.findall(template):
        if name not in EXAMPLE_VALUES:
            known = ", ".join(sorted(EXAMPLE_VALUES))
            raise BadTemplate(f"There is no {{{{{name}}}}}. There are {known}.")
    if LEFT_OPEN.search(PLACE.sub("", template)) and not is_json:
        raise BadTemplate("Write {{name}} or {{name|json}}, with nothing else between the braces.")
    if template and is_json:
        try:
            for example in (EXAMPLE, BARE):
                json.loads(fill(template, example, is_json=True))
        except ValueError as error:
            raise BadTemplate(f"Filled with an example, this is no JSON: {error}.") from None


EXAMPLE = Message(
    id=UUID("018f1e2d-3c4b-7a59-8877-665544332211"),
    key="rule:group:1",
    subject="alert",
    kind="firing",
    severity="critical",
    is_closing=False,
    title='Firing: "slow" checkout',
    text='p95 latency 912 ms\nin "checkout"',
    organization="Acme",
    service_id=None,
    environment="prod",
    happened_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    facts=(("Service", "checkout"),),
    links=(("Requests", "https://monitor.example/dashboard"),),
    samples=(
        Sample(
            method="GET",
            path="/orders",
            status_code=500,
            latency_ms=912.0,
            error="",
            at="2026-11-21T12:00:00Z",
            url="https://monitor.example/log/1",
        ),
    ),
    values={"value": 912.0, "threshold": 800.0},
)
# A notification that has no more than it must: there what is no text is null.
BARE = replace(EXAMPLE, facts=(), links=(), samples=(), values={}, environment="")
EXAMPLE_VALUES = values_of(EXAMPLE)
