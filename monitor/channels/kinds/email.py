"""Mail, by the server that the operator set: one message a notification, threads by incident."""

import hashlib
import re
import smtplib
from email.utils import parseaddr
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.template.loader import render_to_string

from monitor.channels.message import Message, short
from monitor.channels.registry import Kind
from monitor.channels.way import OF_US, NotTold, Way
from monitor.lib.options import BadConfig, Field

MOST_ADDRESSES = 20
MAX_SUBJECT_CHARS = 150
# RFC 5321, 4.2.2: answers to RCPT about the mail box. Others are about this server, or us.
MAIL_BOX_CODES = frozenset({450, 550, 551, 552, 553})
# RFC 3463: x.1 is an address and x.2 a mail box; x.1.7 and x.1.8 are the sender's address.
ENHANCED = re.compile(r"[45]\.(\d{1,3})\.(\d{1,3})\b")
SENDERS_ADDRESS = frozenset({"7", "8"})
# RFC 5321, 4.5.3.1.9 and RFC 1870: said of a size before the message is sent.
TOO_LARGE = frozenset({523, 552})


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    to: list[str]
    subject_prefix: str = ""


def check(options: Options) -> None:
    if not 1 <= len(options.to) <= MOST_ADDRESSES:
        raise BadConfig(f"Name 1 to {MOST_ADDRESSES} addresses.", field="to")
    for address in options.to:
        try:
            validate_email(address)
        except ValidationError:
            raise BadConfig(f"{short(address, 100)} is no mail address.", field="to") from None
    if not options.subject_prefix.isprintable() or len(options.subject_prefix) > 50:
        raise BadConfig("At most 50 characters, without line breaks.", field="subject_prefix")


def mail_of(options: Options, message: Message) -> EmailMultiAlternatives:
    subject = f"{options.subject_prefix} {message.title}".strip()
    mail = EmailMultiAlternatives(
        subject=short(" ".join(subject.split()), MAX_SUBJECT_CHARS),
        body=message.plain(),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=options.to,
        headers=headers_of(message),
    )
    mail.attach_alternative(render_to_string("channels/mail.html", {"message": message}), "text/html")
    return mail


def headers_of(message: Message) -> dict[str, str]:
    """The same id whenever it is sent again, so that it is shown once; and a thread for each incident."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    thread = hashlib.blake2b(message.key.encode(), digest_size=12).hexdigest()
    root = f"<incident.{thread}@{host}>"
    return {
        "Message-ID": f"<{message.id.hex}@{host}>",
        "In-Reply-To": root,
        "References": root,
        "Auto-Submitted": "auto-generated",
    }


def tell(options: Options, message: Message, way: Way) -> None:
    hand_over(mail_of(options, message), way)


def hand_over(mail: EmailMultiAlternatives, way: Way) -> None:
    """By the operator's own mail server, which is no address that a tenant chose: it may be a private one.
    Raises NotTold."""
    if not settings.EMAIL_HOST:
        raise NotTold(
            "No mail server is set: EMAIL_URL names one.", error_class="internal", is_permanent=True
        )
    try:
        connection: Any = get_connection(timeout=settings.EMAIL_TIMEOUT)
        connection.send_messages([mail])
    except smtplib.SMTPDataError as error:
        raise refused(error.smtp_code, error.smtp_error, way, error_class="smtp") from error
    except smtplib.SMTPResponseException as error:
        is_of_us = error.smtp_code not in TOO_LARGE
        raise refused(
            error.smtp_code, error.smtp_error, way, error_class=OF_US if is_of_us else "smtp"
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, words = min(error.recipients.values())
        raise refused(
            code, words, way, error_class="recipient" if is_of_mail_box(code, words) else OF_US
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotTold(str(error), error_class="protocol", is_permanent=True) from error
    except TimeoutError as error:
        raise NotTold(
            "The mail server did not answer in time.", error_class="timeout", is_permanent=False
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotTold(
            "The mail server cannot be spoken with.", error_class="connect", is_permanent=False
        ) from error


def is_of_mail_box(code: int, words: bytes | str) -> bool:
    """Whether a refused recipient is refused for itself. Servers say at RCPT, too, that they do not relay for
    us, want a login, or know no such sender: that is said to every recipient."""
    text = text_of(words)
    if enhanced := ENHANCED.match(text.strip()):
        subject, detail = enhanced.groups()
        return subject == "2" or (subject == "1" and detail not in SENDERS_ADDRESS)
    return code in MAIL_BOX_CODES and "relay" not in text.lower()


def text_of(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words


def refused(code: int, words: bytes | str, way: Way, *, error_class: str) -> NotTold:
    """4xx may pass (a full queue, greylisting); 5xx does not, unless it is about us: an operator mends a
    login or a rule about senders while letters wait."""
    way.status_code = code
    way.answer = way.hide(short(text_of(words), 1000))
    return NotTold(
        f"The mail server answered {code}.",
        error_class=error_class,
        is_permanent=code >= 500 and error_class != OF_US,
    )


KIND = Kind(
    name="email",
    words="Email",
    options=Options,
    fields=(
        Field(
            name="to",
            label="To",
            type="lines",
            required=True,
            placeholder="ops@shop.example",
            help="Addresses, with commas between them.",
        ),
        Field(name="subject_prefix", label="Before the subject", placeholder="[shop]"),
    ),
    tell=tell,
    target=lambda options: ", ".join(options.to),
    check=check,
    about="Mail, sent by the server that EMAIL_URL names.",
    order=1,
)
