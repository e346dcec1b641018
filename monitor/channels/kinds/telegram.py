"""Telegram's bots: sendMessage in its HTML."""

import re
from datetime import timedelta
from html import escape
from typing import Any

import msgspec
from django.conf import settings

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.way import NotTold, Way
from monitor.lib.options import BadConfig, Field
from monitor.lib.outbound import OutboundResponse

TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,80}")
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,32}")
# Of 4,096 characters that a message may have, counted without its tags.
MAX_TEXT_CHARS = 2000


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    token: str
    chat_id: str
    thread_id: int | None = None
    is_silent: bool = False


class Parameters(msgspec.Struct):
    migrate_to_chat_id: int | None = None
    retry_after: float | None = None


class Answer(msgspec.Struct):
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    description: str = ""


def check(options: Options) -> None:
    if not TOKEN.fullmatch(options.token):
        raise BadConfig("A bot's token looks like 123456:ABC…", field="token")
    if not CHAT.fullmatch(options.chat_id):
        raise BadConfig("A number, as -1001234567890, or @name.", field="chat_id")


def text_of(message: Message) -> str:
    lines = [f"<b>{escape(short(message.title, 250))}</b>", escape(short(message.text, MAX_TEXT_CHARS)), ""]
    lines += [f"<b>{escape(name)}:</b> {escape(short(value, 200))}" for name, value in message.facts[:8]]
    lines += [
        f'• <a href="{escape(sample.url)}">request</a> <code>{escape(short(sample.line, 150))}</code>'
        for sample in message.samples
    ]
    lines += ["", " · ".join(f'<a href="{escape(to)}">{escape(words)}</a>' for words, to in message.links)]
    return "\n".join(lines).strip()


def tell(options: Options, message: Message, way: Way) -> None:
    said: dict[str, Any] = {
        "chat_id": options.chat_id,
        "text": text_of(message),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": options.is_silent or message.is_closing,
    }
    if options.thread_id is not None:
        said["message_thread_id"] = options.thread_id
    answer = post(options, said, way)
    moved = read(answer).parameters.migrate_to_chat_id if answer.status_code == 400 else None
    if moved is not None:
        # A group that became a supergroup has another id, and the old one hears of nothing any more.
        answer = post(options, {**said, "chat_id": moved}, way)
    if not 200 <= answer.status_code <= 299:
        raise told_why(answer, way)


def post(options: Options, said: dict[str, Any], way: Way) -> OutboundResponse:
    return way.send(
        "POST",
        f"{settings.TELEGRAM_URL}/bot{options.token}/sendMessage",
        headers=[("Content-Type", "application/json")],
        body=msgspec.json.encode(said),
    )


def read(answer: OutboundResponse) -> Answer:
    try:
        return msgspec.json.decode(answer.body, type=Answer)
    except msgspec.DecodeError:
        return Answer()


def told_why(answer: OutboundResponse, way: Way) -> NotTold:
    said = read(answer)
    wait = said.parameters.retry_after
    refused = way.refused(answer, retry_after=timedelta(seconds=min(wait, 86_400)) if wait else None)
    if said.description:
        refused.message = f"The answer was {answer.status_code}: {short(said.description, 200)}"
    return refused


KIND = Kind(
    name="telegram",
    words="Telegram",
    options=Options,
    fields=(
        Field(name="token", label="Bot token", type="secret", required=True, help="From @BotFather."),
        Field(
            name="chat_id",
            label="Chat",
            required=True,
            placeholder="-1001234567890",
            help="The chat's id, or @name of a public one. The bot must be in it.",
        ),
        Field(name="thread_id", label="Topic", type="number", is_rare=True, help="Of a group with topics."),
        Field(name="is_silent", label="Without a sound", type="truth", is_rare=True),
    ),
    tell=tell,
    target=lambda options: options.chat_id,
    check=check,
    secrets=frozenset({"token"}),
    order=4,
)
