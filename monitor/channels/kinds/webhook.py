"""A POST to any program: our JSON or a template's, signed as Standard Webhooks wants it."""

import base64
import binascii
from typing import Any

import msgspec

from monitor.channels.message import Message
from monitor.channels.registry import Kind
from monitor.channels.targets import check_url
from monitor.channels.templates import BadTemplate, check_template, fill
from monitor.channels.way import Way, host_of
from monitor.events.body import rfc3339
from monitor.lib.options import BadConfig, Field
from monitor.webhooks.signing import PREFIX, make_secret, signature_headers

MAX_TEMPLATE_CHARS = 20_000
JSON = "application/json"


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: str
    secret: str = ""
    headers: list[tuple[str, str]] = []
    content_type: str = JSON
    body: str = ""


def check(options: Options) -> None:
    # Imported late: of a form or an API alone, which the sender and the prober have no part in.
    from rest_framework.exceptions import ValidationError

    from monitor.webhooks.fields import MAX_HEADERS, check_header

    check_url(options.url)
    check_secret(options.secret)
    if len(options.headers) > MAX_HEADERS:
        raise BadConfig(f"At most {MAX_HEADERS} headers.", field="headers")
    for name, value in options.headers:
        try:
            check_header(name, value)
        except ValidationError as error:
            raise BadConfig(" ".join(str(each) for each in error.detail), field="headers") from None
    if not options.content_type.isprintable() or not 3 <= len(options.content_type) <= 100:
        raise BadConfig("As application/json or text/plain.", field="content_type")
    if len(options.body) > MAX_TEMPLATE_CHARS:
        raise BadConfig(f"At most {MAX_TEMPLATE_CHARS:,} characters.", field="body")
    try:
        check_template(options.body, is_json=is_json(options))
    except BadTemplate as error:
        raise BadConfig(str(error), field="body") from None


def check_secret(secret: str) -> None:
    try:
        if 24 <= len(base64.b64decode(secret.removeprefix(PREFIX), validate=True)) <= 64:
            return
    except binascii.Error:
        pass
    raise BadConfig("whsec_ and the base64 of 24 to 64 bytes. Left out, one is made.", field="secret")


def is_json(options: Options) -> bool:
    return "json" in options.content_type.lower()


def body_of(options: Options, message: Message) -> bytes:
    if options.body:
        filled = fill(options.body, message, is_json=is_json(options), content_type=options.content_type)
        return filled.encode()
    return msgspec.json.encode(payload_of(message))


def payload_of(message: Message) -> dict[str, Any]:
    """The shape of our events, so that one receiver can read both."""
    return {
        "id": f"ntf_{message.id.hex}",
        "type": message.type,
        "timestamp": rfc3339(message.happened_at),
        "data": {
            "title": message.title,
            "message": message.text,
            "severity": message.severity,
            "incident": message.key,
            "is_closing": message.is_closing,
            "organization": message.organization,
            "service_id": message.service_id,
            "environment": message.environment,
            **message.values,
            "facts": dict(message.facts),
            "links": dict(message.links),
            "samples": [msgspec.to_builtins(sample) for sample in message.samples],
        },
    }


def tell(options: Options, message: Message, way: Way) -> None:
    body = body_of(options, message)
    signed = signature_headers(
        f"ntf_{message.id.hex}", body, timestamp=int(way.now.timestamp()), secrets=[options.secret]
    )
    headers = [("Content-Type", options.content_type), *options.headers, *signed]
    way.call("POST", options.url, headers=headers, body=body)


KIND = Kind(
    name="webhook",
    words="Webhook",
    options=Options,
    fields=(
        Field(name="url", label="URL", required=True, placeholder="https://shop.example/hooks/alerts"),
        Field(
            name="body",
            label="Body",
            type="long",
            is_rare=True,
            placeholder='{"text": "{{title}}", "priority": "{{severity}}"}',
            help="Empty: our own JSON. Within a template: {{title}} {{message}} {{severity}} {{kind}}"
            " {{subject}} {{url}} {{value}} {{service}} {{environment}} {{incident}} {{time}} and others;"
            " {{samples|json}} for what is not a text.",
        ),
        Field(name="content_type", label="Content-Type", is_rare=True),
        Field(
            name="headers",
            label="Headers",
            type="pairs",
            is_rare=True,
            placeholder="Authorization: Bearer …",
            help="One a line. Values are sealed and never shown again.",
        ),
        Field(
            name="secret",
            label="Signing secret",
            type="secret",
            is_rare=True,
            help="Left empty, one is made and shown once.",
        ),
    ),
    tell=tell,
    target=lambda options: host_of(options.url),
    check=check,
    secrets=frozenset({"secret"}),
    made=("secret", make_secret),
    order=8,
)
