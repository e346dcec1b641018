"""A call that tells somebody something: its limits, how it ended in a word, and what is kept of the answer.

The same for webhooks, channels and the subscribers of status pages. When each is tried again is its own.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from monitor.lib import masking
from monitor.lib.kept_text import RULES, storable
from monitor.lib.outbound import BLOCKED_MESSAGE, OutboundError, OutboundPolicy, OutboundResponse, send

# Of the time that a call has, the part in which to connect.
CONNECT_S = 5.0
MAX_ANSWER_BYTES = 16 * 1024


class NotTold(Exception):
    """Why it was not told, in one plain sentence, and whether trying again can help."""

    def __init__(
        self,
        message: str,
        *,
        error_class: str,
        is_permanent: bool,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_class, self.is_permanent, self.retry_after = error_class, is_permanent, retry_after

    @property
    def is_blocked(self) -> bool:
        """Whether the guard of addresses did not let it out."""
        return self.message == BLOCKED_MESSAGE


def call(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    policy: OutboundPolicy,
    timeout_s: float,
) -> OutboundResponse:
    """The answer, whatever its status; redirects are not followed, as they lead elsewhere than was asked for.

    `timeout_s` is for the whole call, however slowly the answer drips. Raises NotTold when there is none.
    """
    try:
        return send(
            method,
            url,
            headers=headers,
            body=body,
            policy=policy,
            timeout_s=timeout_s,
            connect_timeout_s=CONNECT_S,
            max_response_bytes=MAX_ANSWER_BYTES,
        )
    except OutboundError as error:
        raise NotTold(
            error.message, error_class=error.error_class, is_permanent=not error.retryable
        ) from error
    except ValueError as error:
        # An address or header that was fit when it was saved, under other rules: no try will change that.
        raise NotTold(str(error), error_class="blocked", is_permanent=True) from error


def class_of(status_code: int) -> str:
    """The error class of an answer; empty for success, which is 2xx and nothing else."""
    if 200 <= status_code <= 299:
        return ""
    return f"http_{status_code // 100}xx" if 300 <= status_code <= 599 else "protocol"


def text_of(answer: OutboundResponse) -> str:
    """The answer's body as it may be kept: masked as logs are, before anything of it is cut."""
    text = answer.body.decode(errors="replace")
    return storable(masking.mask_body(text, content_type=answer.header("content-type"), rules=RULES))


def retry_after_delay(header: str | None, *, now: datetime) -> timedelta | None:
    """The wait that a `Retry-After` asks for, in seconds or as a date; None for none and for garbage."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # The latter of numbers that no clock knows.
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(moment - now, timedelta(0))
