"""What subscribers are sent: letters and JSON, each with a way to leave. Pure, but for reading settings."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from monitor.events.body import rfc3339
from monitor.lib.rich_text import as_html
from monitor.models.status_subscribers import StatusNotice

MAX_SUBJECT_CHARS = 150


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one subscriber is told. Without a notice it asks whether the address was meant, or says that it is
    subscribed already. `to` is the mail address or the URL."""

    id: UUID
    to: str = field(repr=False)
    page_id: UUID
    page_name: str
    page_url: str
    confirm_url: str = field(repr=False)
    leave_url: str = field(repr=False)
    notice: StatusNotice | None
    is_subscribed: bool
    at: datetime

    @property
    def message_id(self) -> str:
        """Of a webhook: the same whenever it is sent again."""
        return f"stn_{self.id.hex}"

    @property
    def subject(self) -> str:
        if self.notice is not None:
            words = f"{self.notice.title}: {self.notice.words}"
        else:
            words = "you are subscribed" if self.is_subscribed else "please confirm your subscription"
        # A page's name is one line of a header: whatever was typed into it.
        return " ".join(f"{self.page_name}: {words}".split())[:MAX_SUBJECT_CHARS]


def mail_of(letter: Letter) -> EmailMultiAlternatives:
    context = {"letter": letter, "notice": letter.notice}
    body = render_to_string("status/letter.txt", context).strip() + "\n"
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[letter.to],
        headers=headers_of(letter),
    )
    said = as_html(letter.notice.body) if letter.notice is not None else ""
    mail.attach_alternative(render_to_string("status/letter.html", {**context, "said": said}), "text/html")
    return mail


def headers_of(letter: Letter) -> dict[str, str]:
    """One click leaves (RFC 8058). The id stays when it is sent again, so that it is shown once; what is told
    of one incident is a thread."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    headers = {
        "Message-ID": f"<{letter.id.hex}@{host}>",
        "Auto-Submitted": "auto-generated",
        "List-Id": f"{letter.page_id.hex}.status <{letter.page_id.hex}.status.{host}>",
        "List-Unsubscribe": f"<{letter.leave_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if letter.notice is not None:
        thread = hashlib.blake2b(letter.notice.thread.encode(), digest_size=12).hexdigest()
        headers |= {"In-Reply-To": f"<{thread}@{host}>", "References": f"<{thread}@{host}>"}
    return headers


def json_of(letter: Letter) -> bytes:
    """As Statuspage's webhooks, with an id that stays when it is sent again."""
    meta = {"unsubscribe": letter.leave_url, "generated_at": rfc3339(letter.at)}
    if letter.notice is None:
        page = {"id": letter.page_id, "name": letter.page_name, "url": letter.page_url}
        told: dict[str, Any] = {"page": page, "confirm_url": letter.confirm_url}
        type_, happened_at = "subscription.confirm", letter.at
    else:
        told, type_, happened_at = letter.notice.payload, letter.notice.kind, letter.notice.happened_at
    return msgspec.json.encode(
        {
            "id": letter.message_id,
            "type": type_,
            "timestamp": rfc3339(happened_at),
            "meta": meta,
            **told,
        }
    )
