"""Slack's incoming webhooks, and what speaks their format: Mattermost, Rocket.Chat."""

import msgspec

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.targets import check_url
from monitor.channels.way import Way, host_of
from monitor.lib.options import Field

MAX_SECTION_CHARS = 3000
MAX_FIELDS = 10


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: str


def escaped(text: str) -> str:
    """Source: docs.slack.dev, "Formatting message text": these three, and no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def linked(address: str, words: str) -> str:
    return f"<{escaped(address).replace('|', '%7C')}|{escaped(words)}>"


def section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": short(text, MAX_SECTION_CHARS)}}


def payload_of(message: Message) -> dict[str, object]:
    title = escaped(short(message.title, 250))
    heading = linked(message.url, short(message.title, 250)) if message.url else title
    blocks = [section(f"*{heading}*\n{escaped(message.text)}")]
    if message.facts:
        fields = [
            {"type": "mrkdwn", "text": short(f"*{escaped(name)}*\n{escaped(value)}", 2000)}
            for name, value in message.facts[:MAX_FIELDS]
        ]
        blocks.append({"type": "section", "fields": fields})
    if message.samples:
        lines = [
            f"• {linked(sample.url, 'request')} {escaped(short(sample.line, 500))}"
            for sample in message.samples
        ]
        blocks.append(section("\n".join(lines)))
    if message.links:
        links = " · ".join(linked(address, words) for words, address in message.links)
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": short(links, 2000)}]})
    # The text stands in the notice on a phone; the blocks would be shown beside it, were they not attached.
    return {"text": title, "attachments": [{"color": message.colour, "blocks": blocks}]}


def tell(options: Options, message: Message, way: Way) -> None:
    way.post_json(options.url, payload_of(message))


KIND = Kind(
    name="slack",
    words="Slack",
    options=Options,
    fields=(
        Field(
            name="url",
            label="Webhook URL",
            type="secret",
            required=True,
            help="Of an incoming webhook: https://hooks.slack.com/services/… Mattermost and Rocket.Chat"
            " take the same.",
        ),
    ),
    tell=tell,
    target=lambda options: host_of(options.url),
    check=lambda options: check_url(options.url),
    secrets=frozenset({"url"}),
    order=2,
)
