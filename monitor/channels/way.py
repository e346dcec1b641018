"""The way out of one attempt: every call through the door to the outside, within one time for all of them."""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from monitor.lib import masking
from monitor.lib.calls import NotTold, call, class_of, retry_after_delay, text_of
from monitor.lib.kept_text import RULES, cut
from monitor.lib.outbound import OutboundPolicy, OutboundResponse
from monitor.models.keys import Mode
from monitor.webhooks.targets import policy_for

__all__ = ["ATTEMPT_S", "NotTold", "Way", "host_of"]

# The whole of an attempt, however many calls it takes.
ATTEMPT_S = 20.0
KEPT_ANSWER_BYTES = 2 * 1024
USER_AGENT = "API-Monitor-Notifications/1.0"
# What may pass by itself; every other refusal stays one until somebody changes the channel.
TEMPORARY = frozenset({408, 425, 429})
# The class of an error: a mail server that takes nothing from us, by this login, sender or domain. Its
# operator mends that.
OF_US = "sender"
# Secrets may stand in a channel's addresses: of a shorter one too little would be left to tell it by.
SHORTEST_SECRET = 6


class Way:
    """What one attempt calls, and what it was answered last. `hidden` are secrets that no record may hold;
    without a `policy` it may call what channels may."""

    def __init__(
        self,
        *,
        now: datetime,
        timeout_s: float = ATTEMPT_S,
        hidden: Iterable[str] = (),
        policy: OutboundPolicy | None = None,
    ) -> None:
        self.now = now
        self._policy = policy or policy_for(Mode.LIVE)
        self._until = time.monotonic() + timeout_s
        self._hidden = sorted(
            {text for text in hidden if len(text) >= SHORTEST_SECRET}, key=len, reverse=True
        )
        self.status_code: int | None = None
        self.answer = ""

    @property
    def left_s(self) -> float:
        """What is left of the attempt's time."""
        return self._until - time.monotonic()

    def post_json(
        self, url: str, payload: Any, *, headers: Mapping[str, str] | None = None
    ) -> OutboundResponse:
        """The answer to a POST that went well. Raises NotTold."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        lines = [("Content-Type", "application/json"), *(headers or {}).items()]
        return self.call("POST", url, headers=lines, body=body)

    def call(
        self, method: str, url: str, *, headers: Iterable[tuple[str, str]], body: bytes
    ) -> OutboundResponse:
        """The same for any call. Redirects are not followed: they would lead elsewhere than was asked for."""
        answer = self.send(method, url, headers=[("User-Agent", USER_AGENT), *headers], body=body)
        if 200 <= answer.status_code <= 299:
            return answer
        raise self.refused(answer)

    def send(
        self, method: str, url: str, *, headers: Iterable[tuple[str, str]], body: bytes
    ) -> OutboundResponse:
        """The answer, whatever its status. Raises NotTold when there is none."""
        if self.left_s <= 0:
            raise NotTold("The time for the attempt ran out.", error_class="timeout", is_permanent=False)
        answer = call(method, url, headers=headers, body=body, policy=self._policy, timeout_s=self.left_s)
        self.status_code, self.answer = answer.status_code, self.kept(answer)
        return answer

    def refused(self, answer: OutboundResponse, *, retry_after: timedelta | None = None) -> NotTold:
        """Why an answer that is no success is none."""
        code = answer.status_code
        asked = retry_after or retry_after_delay(answer.header("retry-after"), now=self.now)
        return NotTold(
            f"The answer was {code}.",
            # A success that says in its body that it is none is one, too.
            error_class=class_of(code) or "protocol",
            is_permanent=code < 500 and code not in TEMPORARY,
            retry_after=asked if code in (429, 503) else None,
        )

    def kept(self, answer: OutboundResponse) -> str:
        """What is kept of an answer: masked as logs are, without this channel's secrets, and short."""
        return cut(self.hide(text_of(answer)), KEPT_ANSWER_BYTES)[0]

    def hide(self, text: str) -> str:
        """The text without secrets of the channel."""
        for secret in self._hidden:
            text = text.replace(secret, masking.MASK)
        return masking.mask_text(text, rules=RULES)


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""
