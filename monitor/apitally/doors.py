"""The addresses of Apitally's hub as doors of the pipeline.

What a client hears decides what it does: a 404 switches it off until its application starts again, and what
it hears no 2xx for, it sends again for an hour (log files: for ever). So 404 says that the client ID opens
nothing, 503 that we cannot keep anything now, and what can never be kept is answered as if it had been:
startup and sync with 422, log files with 202. Each body is JSON, which the clients insist on.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitor.apitally.log_file import read_items
from monitor.apitally.messages import read_startup, read_sync
from monitor.front.answers import JSON, Answer
from monitor.ingest.accept import Outcome
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.doors import DATABASE_UNAVAILABLE, FAILURES, Door, rejection_answer
from monitor.ingest.reports import Report
from monitor.lib.apikeys import credential_of_client_id
from monitor.lib.counting import count_rejected

# The clients put the base URL before it as it is, so a slash at its end is doubled.
ADDRESS = re.compile(
    r"/{1,2}v2/(?P<client_id>[^/]{1,64})/(?P<environment>[\w-]{1,32})/(?P<call>startup|sync|log)", re.ASCII
)
ACCEPTED = Answer(status=202, body={})
# Problems of a body that will be no better the next time.
UNREADABLE = frozenset({"body_too_large", "malformed_gzip", "malformed_json", "unsupported_media_type"})


class HubDoor(ABC):
    """One call of one client, as one request meets it."""

    def __init__(self, client_id: str, environment: str) -> None:
        self.client_id = client_id
        self.environment = environment
        self.told: list[Report] = []
        self.unreadable: str | None = None

    def for_request(self, media_type: str) -> Door:
        return type(self)(self.client_id, self.environment)

    def credential(self, headers: Mapping[str, str]) -> str | None:
        return credential_of_client_id(self.client_id)

    def limit_bytes(self) -> int:
        return int(settings.MAX_APITALLY_BYTES)

    def check(self, media_type: str) -> None:
        # Any will do: log files come without one.
        return

    def reports(self) -> Sequence[Report]:
        return self.told

    def refusal(self, problem: Answer) -> Answer:
        """In JSON that is no problem document to a client that parses it, with the status that it acts on."""
        if problem.status in (401, 403):
            return told(404, "This client ID opens nothing here.")
        said: Mapping[str, Any] = {} if isinstance(problem.body, bytes) else problem.body
        detail = str(said.get("detail", ""))
        if said.get("code") in UNREADABLE:
            return self.hopeless(detail)
        return told(problem.status, detail, headers=problem.headers)

    @abstractmethod
    def items(self, body: bytes, media_type: str) -> Iterable[LogItem | Undecodable]:
        """The log items in the body; what else it tells is remembered."""

    @abstractmethod
    def answer(self, outcome: Outcome) -> Answer:
        """What to say once everything is kept."""

    @abstractmethod
    def hopeless(self, detail: str) -> Answer:
        """What to say to a body that can never be kept."""


class Message(HubDoor):
    """A startup or a sync."""

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        try:
            self.told.append(self.read(body))
        except Undecodable as error:
            count_rejected(error.code)
            self.unreadable = str(error)
        return []

    def answer(self, outcome: Outcome) -> Answer:
        return ACCEPTED if self.unreadable is None else self.hopeless(self.unreadable)

    def hopeless(self, detail: str) -> Answer:
        return told(422, detail)

    @abstractmethod
    def read(self, body: bytes) -> Report:
        """What the message says. Raises Undecodable."""


class Startup(Message):
    def read(self, body: bytes) -> Report:
        return read_startup(body, self.environment)


class Sync(Message):
    def read(self, body: bytes) -> Report:
        return read_sync(body, self.environment, now=timezone.now())


class LogFile(HubDoor):
    """A file of single requests. What cannot be read of it is skipped and counted."""

    def items(self, body: bytes, media_type: str) -> Iterable[LogItem | Undecodable]:
        return read_items(body, self.environment)

    def answer(self, outcome: Outcome) -> Answer:
        for rejection in outcome.rejections:
            if rejection.code in FAILURES:
                # Sent again, what was kept of it is found by its ids.
                failed = rejection_answer(rejection)
                return self.refusal(failed) if rejection.code == DATABASE_UNAVAILABLE else ACCEPTED
        return ACCEPTED

    def hopeless(self, detail: str) -> Answer:
        return ACCEPTED


CALLS: Mapping[str, type[HubDoor]] = {"startup": Startup, "sync": Sync, "log": LogFile}


def hub_door(path: str) -> Door | None:
    """The door at this address, if it is one of the hub's."""
    address = ADDRESS.fullmatch(path)
    if address is None:
        return None
    return CALLS[address["call"]](address["client_id"], address["environment"])


def told(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    body: dict[str, Any] = {"detail": detail}
    kept = {name: value for name, value in (headers or {}).items() if name == "Retry-After"}
    return Answer(status=status, body=body, content_type=JSON, headers=kept)
