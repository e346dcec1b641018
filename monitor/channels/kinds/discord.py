"""Discord's webhooks: an embed a notification, and nobody mentioned."""

import re
from datetime import timedelta

import msgspec

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.targets import check_url
from monitor.channels.way import Way, host_of
from monitor.lib.options import BadConfig, Field

MAX_DESCRIPTION_CHARS = 3500
MAX_FIELDS = 20
MARKED = re.compile(r"([\\*_~`|>\[\]()#-])")
RATE_LIMITED = 429


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: str
    thread_id: str = ""


def check(options: Options) -> None:
    check_url(options.url)
    if options.thread_id and not (options.thread_id.isascii() and options.thread_id.isdigit()):
        raise BadConfig("A thread's id is a number.", field="thread_id")


def escaped(text: str) -> str:
    return MARKED.sub(r"\\\1", text)


def payload_of(message: Message) -> dict[str, object]:
    parts = [escaped(message.text)]
    parts += [f"- [request]({sample.url}) {escaped(short(sample.line, 400))}" for sample in message.samples]
    parts += [" · ".join(f"[{escaped(words)}]({address})" for words, address in message.links)]
    embed: dict[str, object] = {
        "title": short(message.title, 250),
        "description": short("\n".join(part for part in parts if part), MAX_DESCRIPTION_CHARS),
        "color": int(message.colour[1:], 16),
        "timestamp": message.happened_at.isoformat(),
        "fields": [
            {"name": short(name, 250), "value": short(escaped(value), 1000) or "-", "inline": True}
            for name, value in message.facts[:MAX_FIELDS]
        ],
    }
    if message.url:
        embed["url"] = message.url
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def tell(options: Options, message: Message, way: Way) -> None:
    # Without `wait`, what Discord could not post would be an answer of success.
    address = f"{options.url}{'&' if '?' in options.url else '?'}wait=true"
    if options.thread_id:
        address += f"&thread_id={options.thread_id}"
    body = msgspec.json.encode(payload_of(message))
    answer = way.send("POST", address, headers=[("Content-Type", "application/json")], body=body)
    if not 200 <= answer.status_code <= 299:
        asked = None
        if answer.status_code == RATE_LIMITED:
            asked = retry_after(answer.body)
        raise way.refused(answer, retry_after=asked)


def retry_after(body: bytes) -> timedelta | None:
    """The wait that the answer's body asks for: in it are fractions of seconds."""

    class Limited(msgspec.Struct):
        retry_after: float

    try:
        return timedelta(seconds=max(msgspec.json.decode(body, type=Limited).retry_after, 0))
    except (msgspec.DecodeError, OverflowError):
        return None


KIND = Kind(
    name="discord",
    words="Discord",
    options=Options,
    fields=(
        Field(
            name="url",
            label="Webhook URL",
            type="secret",
            required=True,
            help="Channel settings, Integrations: https://discord.com/api/webhooks/…",
        ),
        Field(name="thread_id", label="Thread", help="The id of a thread or forum post. Empty: the channel."),
    ),
    tell=tell,
    target=lambda options: host_of(options.url),
    check=check,
    secrets=frozenset({"url"}),
    order=3,
)
