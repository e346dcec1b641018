"""Microsoft Teams: an Adaptive Card to the URL of a workflow."""

import re

import msgspec

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.targets import check_url
from monitor.channels.way import Way, host_of
from monitor.lib.options import Field

MARKED = re.compile(r"([\\*_\[\]()])")
# As the cards name them: the theme decides the colour itself.
STYLES = {"critical": "attention", "warning": "warning", "info": "accent"}


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: str


def escaped(text: str) -> str:
    return MARKED.sub(r"\\\1", text)


def card_of(message: Message) -> dict[str, object]:
    style = "good" if message.is_closing else STYLES.get(message.severity, "default")
    text = {"type": "TextBlock", "wrap": True}
    body: list[dict[str, object]] = [
        {
            "type": "Container",
            "style": style,
            "bleed": True,
            "items": [
                {**text, "text": escaped(short(message.title, 250)), "weight": "Bolder", "size": "Medium"}
            ],
        },
        {**text, "text": escaped(message.text)},
    ]
    if message.facts:
        facts = [{"title": name, "value": escaped(short(value, 500))} for name, value in message.facts]
        body.append({"type": "FactSet", "facts": facts})
    body += [
        {**text, "text": f"[request]({sample.url}) {escaped(short(sample.line, 300))}", "spacing": "Small"}
        for sample in message.samples
    ]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        # 1.2 is the newest that workflows post on all clients.
        "version": "1.2",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": words, "url": address} for words, address in message.links[:6]
        ],
    }


def payload_of(message: Message) -> dict[str, object]:
    content = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": content, "contentUrl": None, "content": card_of(message)}
    return {"type": "message", "attachments": [attachment]}


def tell(options: Options, message: Message, way: Way) -> None:
    way.post_json(options.url, payload_of(message))


KIND = Kind(
    name="teams",
    words="Microsoft Teams",
    options=Options,
    fields=(
        Field(
            name="url",
            label="Workflow URL",
            type="secret",
            required=True,
            help="Of the workflow “Post to a channel when a webhook request is received”.",
        ),
    ),
    tell=tell,
    target=lambda options: host_of(options.url),
    check=lambda options: check_url(options.url),
    secrets=frozenset({"url"}),
    order=5,
)
