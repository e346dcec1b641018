"""OTLP's addresses as doors of the pipeline. What each answers depends on the body it has read, so a request
meets a door of its own."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Self

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from monitor.api.authentication import key_from
from monitor.api.body import BodyTooLarge
from monitor.front.answers import JSON, Answer
from monitor.ingest.accept import Outcome, Rejection
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.doors import DATABASE_UNAVAILABLE, DOORS, Door, OneLog, rejection_answer
from monitor.ingest.reports import Report
from monitor.otlp import json_form, protobuf
from monitor.otlp.answers import LOGS, METRICS, PROTOBUF_TYPES, TRACES, Signal, export_answer, status_answer
from monitor.otlp.points import DURATION
from monitor.otlp.requests import read_requests
from monitor.otlp.spans import Malformed, TooMany
from monitor.otlp.told import reports_of_points, reports_of_records

# Reasons that a partial success spells out; the rest are only counted.
MAX_REASONS = 5


class Export(ABC):
    """One OTLP address, as one request meets it."""

    signal: Signal

    def __init__(self, media_type: str = "") -> None:
        self.media_type = media_type

    def for_request(self, media_type: str) -> Self:
        return type(self)(media_type)

    def credential(self, headers: Mapping[str, str]) -> str | None:
        return key_from(headers)

    def limit_bytes(self) -> int:
        return int(settings.MAX_OTLP_BYTES)

    def reports(self) -> Sequence[Report]:
        return ()

    def check(self, media_type: str) -> None:
        if media_type not in PROTOBUF_TYPES and media_type != JSON:
            raise UnsupportedMediaType(media_type, "Send OTLP as application/x-protobuf or application/json.")

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        is_json = media_type == JSON
        try:
            return self.read(body, json_form if is_json else protobuf)
        except Malformed as error:
            raise ParseError(str(error), code="malformed_json" if is_json else "validation_error") from None
        except TooMany:
            raise BodyTooLarge(f"A request holds at most {settings.MAX_OTLP_SPANS:,} spans.") from None

    def answer(self, outcome: Outcome) -> Answer:
        if unkept := next((each for each in outcome.rejections if each.code == DATABASE_UNAVAILABLE), None):
            # An SDK sends all of it again on 503, and what was kept of it is found by its ids.
            return self.refusal(rejection_answer(unkept))
        rejected, message = self.left_out(outcome)
        return export_answer(self.signal, rejected=rejected, message=message, media_type=self.media_type)

    def refusal(self, problem: Answer) -> Answer:
        """As google.rpc.Status; as a problem to a caller that speaks neither of OTLP's encodings."""
        if self.media_type in PROTOBUF_TYPES or self.media_type == JSON:
            return status_answer(problem, self.media_type)
        return problem

    @abstractmethod
    def read(self, body: bytes, encoding: ModuleType) -> Sequence[LogItem | Undecodable]:
        """The log items in the body. Raises Malformed or TooMany."""

    @abstractmethod
    def left_out(self, outcome: Outcome) -> tuple[int, str]:
        """How much of what was read was not kept, and why."""


class Traces(Export):
    """POST /v1/traces: spans, of which those that are requests become logs."""

    signal = TRACES

    def __init__(self, media_type: str = "") -> None:
        super().__init__(media_type)
        self.ignored: Counter[str] = Counter()

    def read(self, body: bytes, encoding: ModuleType) -> Sequence[LogItem | Undecodable]:
        reading = read_requests(encoding.read_spans(body, most=settings.MAX_OTLP_SPANS))
        self.ignored = reading.ignored
        return reading.items

    def left_out(self, outcome: Outcome) -> tuple[int, str]:
        refused = Counter(map(reason_of, outcome.rejections))
        sentences = []
        if self.ignored:
            sentences.append(f"Ignored, since they are no HTTP requests to keep: {listed(self.ignored)}.")
        if refused:
            sentences.append(f"Refused: {listed(refused)}.")
        return self.ignored.total() + refused.total(), " ".join(sentences)


class Told(Export):
    """What a client tells beside requests."""

    def __init__(self, media_type: str = "") -> None:
        super().__init__(media_type)
        self.told: list[Report] = []
        self.unread = 0

    def reports(self) -> Sequence[Report]:
        return self.told


class Records(Told):
    """POST /v1/logs: log records, of which the events of Apitally's clients are read and the rest counted."""

    signal = LOGS

    def read(self, body: bytes, encoding: ModuleType) -> Sequence[LogItem | Undecodable]:
        events, count = encoding.read_events(body, most=settings.MAX_OTLP_SPANS)
        self.told, taken = reports_of_records(events, body)
        self.unread = count - taken
        return []

    def left_out(self, outcome: Outcome) -> tuple[int, str]:
        return self.unread, "Log records are not kept. Requests are read from spans: send traces."


class Points(Told):
    """POST /v1/metrics: data points, of which counts of requests are read and the rest counted."""

    signal = METRICS

    def read(self, body: bytes, encoding: ModuleType) -> Sequence[LogItem | Undecodable]:
        points, count = encoding.read_points(body, most=settings.MAX_OTLP_SPANS)
        self.told, taken = reports_of_points(points, body)
        self.unread = count - taken
        return []

    def left_out(self, outcome: Outcome) -> tuple[int, str]:
        return self.unread, f"Metrics other than {DURATION} are not kept."


class OneLogOrRecords(OneLog):
    """POST /v1/logs: a log in our JSON, or OTLP's log records.

    The content type decides, and for JSON a `resourceLogs` at the top, which is looked for only in what is no
    log of ours: so it costs those nothing.
    """

    def __init__(self) -> None:
        self._records: Records | None = None

    def for_request(self, media_type: str) -> Door:
        return Records(media_type) if media_type in PROTOBUF_TYPES else OneLogOrRecords()

    def items(self, body: bytes, media_type: str) -> Sequence[LogItem | Undecodable]:
        items = super().items(body, media_type)
        if isinstance(items[0], LogItem) or not holds_records(body):
            return items
        self._records = Records(JSON)
        return self._records.items(body, JSON)

    def reports(self) -> Sequence[Report]:
        return () if self._records is None else self._records.reports()

    def answer(self, outcome: Outcome) -> Answer:
        return super().answer(outcome) if self._records is None else self._records.answer(outcome)

    def refusal(self, problem: Answer) -> Answer:
        return problem if self._records is None else self._records.refusal(problem)


class _Top(msgspec.Struct, rename="camel"):
    resource_logs: list[object] | None = None


def holds_records(body: bytes) -> bool:
    """Whether this is a JSON object with `resourceLogs` at its top."""
    if b'"resourceLogs"' not in body:
        return False
    try:
        return msgspec.json.decode(body, type=_Top).resource_logs is not None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def reason_of(rejection: Rejection) -> str:
    return f"{rejection.field}: {rejection.message}" if rejection.field else rejection.message


def listed(counts: Mapping[str, int]) -> str:
    """`48 internal, 1 OPTIONS`, the most frequent first."""
    most = Counter(counts).most_common(MAX_REASONS)
    words = [f"{count} {reason.rstrip('.')}" for reason, count in most]
    others = sum(counts.values()) - sum(count for _, count in most)
    return ", ".join([*words, f"{others} others"] if others else words)


ALL_DOORS: Mapping[str, Door] = {
    **DOORS,
    "/v1/logs": OneLogOrRecords(),
    "/v1/traces": Traces(),
    "/v1/metrics": Points(),
    "/otlp/v1/traces": Traces(),
    "/otlp/v1/logs": Records(),
    "/otlp/v1/metrics": Points(),
}
