"""What is said of one thing, before a kind of channel lays it out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from monitor.models.alerts import Severity
from monitor.models.channels import Notification, Subject

# Notices that say something without opening an incident that could be closed.
NO_INCIDENT = frozenset({"digest"})
COLOURS = {Severity.CRITICAL: "#c4314b", Severity.WARNING: "#c47f00", Severity.INFO: "#2f6fdb"}
OVER_COLOUR = "#1f8a4c"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A request that shows what is spoken of, as its log has it: masked when it was kept."""

    method: str
    path: str
    status_code: int | None
    latency_ms: float | None
    error: str
    at: str
    url: str

    @property
    def line(self) -> str:
        """`GET /orders 500, 912 ms: card declined`."""
        status = f" {self.status_code}" if self.status_code is not None else ""
        latency = f", {self.latency_ms:,.0f} ms" if self.latency_ms is not None else ""
        return f"{self.method} {self.path}{status}{latency}" + (f": {self.error}" if self.error else "")


@dataclass(frozen=True, kw_only=True)
class Message:
    """All that layouts are made of. `id` stays the same when it is sent again; `key` is the incident's."""

    id: UUID
    key: str
    subject: str
    kind: str
    severity: str
    is_closing: bool
    title: str
    text: str
    organization: str
    service_id: UUID | None
    environment: str
    happened_at: datetime
    facts: tuple[tuple[str, str], ...] = ()
    # Words and addresses; the first is where to look first.
    links: tuple[tuple[str, str], ...] = ()
    samples: tuple[Sample, ...] = ()
    # Plain values for programs: numbers stay numbers.
    values: Mapping[str, Any]

    @property
    def colour(self) -> str:
        return OVER_COLOUR if self.is_closing else COLOURS.get(Severity(self.severity), OVER_COLOUR)

    @property
    def type(self) -> str:
        """`alert.firing`, `monitor.down`."""
        return f"{self.subject}.{self.kind}"

    @property
    def is_test(self) -> bool:
        return self.subject == Subject.TEST

    @property
    def url(self) -> str:
        return self.links[0][1] if self.links else ""

    def plain(self) -> str:
        """The whole of it as lines of text."""
        lines = [self.text, ""]
        lines += [f"{name}: {value}" for name, value in self.facts]
        if self.samples:
            lines += ["", "Requests:", *(f"- {sample.line}\n  {sample.url}" for sample in self.samples)]
        if self.links:
            lines += ["", *(f"{words}: {address}" for words, address in self.links)]
        return "\n".join(lines).strip()


def message_of(told: Notification, *, organization: str) -> Message:
    details = told.details
    return Message(
        id=told.id,
        key=told.key,
        subject=told.subject,
        kind=told.kind,
        severity=told.severity,
        is_closing=told.is_closing,
        title=told.title,
        text=told.message,
        organization=organization,
        service_id=told.service_id,
        environment=told.environment,
        happened_at=told.happened_at,
        facts=tuple((name, value) for name, value in details.get("facts", ())),
        links=tuple((words, address) for words, address in details.get("links", ())),
        samples=tuple(Sample(**sample) for sample in told.samples or ()),
        values=details.get("values", {}),
    )


def short(text: str, most: int) -> str:
    """The text within so many characters; one that was cut says so."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"
