"""OTLP's answers in the encoding of the request: what was taken, or google.rpc.Status."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from monitor.front.answers import JSON, Answer

PROTOBUF = "application/x-protobuf"
PROTOBUF_TYPES = frozenset({PROTOBUF, "application/protobuf"})

# google.rpc.Code by HTTP status; OTLP's clients decide by the HTTP status alone.
UNKNOWN = 2
CODES: Mapping[int, int] = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 3, 415: 3, 429: 8, 500: 13, 503: 14}


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What one address exports: the response's type, and how its partial success counts what was left out."""

    response: type[Message]
    rejected: str
    rejected_json: str


TRACES = Signal(response=ExportTraceServiceResponse, rejected="rejected_spans", rejected_json="rejectedSpans")
LOGS = Signal(
    response=ExportLogsServiceResponse, rejected="rejected_log_records", rejected_json="rejectedLogRecords"
)
METRICS = Signal(
    response=ExportMetricsServiceResponse,
    rejected="rejected_data_points",
    rejected_json="rejectedDataPoints",
)


def export_answer(signal: Signal, *, rejected: int, message: str, media_type: str) -> Answer:
    """200, with a partial success when something was left out."""
    if media_type in PROTOBUF_TYPES:
        partial = {"partial_success": {signal.rejected: rejected, "error_message": message}}
        response = signal.response(**partial if rejected else {})
        return Answer(status=200, body=response.SerializeToString(), content_type=PROTOBUF)
    # 64 bits are text in protobuf's JSON.
    told = {"partialSuccess": {signal.rejected_json: str(rejected), "errorMessage": message}}
    return Answer(status=200, body=told if rejected else {})


def status_answer(problem: Answer, media_type: str) -> Answer:
    """The problem as google.rpc.Status."""
    if isinstance(problem.body, bytes):
        raise TypeError("A problem is not encoded yet.")
    code, message = CODES.get(problem.status, UNKNOWN), str(problem.body.get("detail", ""))
    if media_type in PROTOBUF_TYPES:
        return replace(problem, body=encode_status(code, message), content_type=PROTOBUF)
    return replace(problem, body={"code": code, "message": message}, content_type=JSON)


def encode_status(code: int, message: str) -> bytes:
    """google.rpc.Status in protobuf: `int32 code = 1; string message = 2`. By hand, since a package for its
    sake would be one more to keep. Codes are below 128, so that each is one byte."""
    text = message.encode()
    return bytes([0x08, code, 0x12]) + varint(len(text)) + text


def varint(number: int) -> bytes:
    """Base-128, the lowest seven bits first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
