"""OTLP over HTTP, by the DRF views and by the lane: what is kept, what is answered, and in which encoding."""

import gzip
import json

import httpx
import pytest
from django.test import Client
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from monitor.models import LogPayload, RequestLog
from tests.factories import a_key, a_log, a_service
from tests.otlp.captures import EXPECTED, sent
from tests.otlp.spans import a_span, an_export, as_json, as_protobuf

pytestmark = pytest.mark.django_db(transaction=True)

JSON, PROTOBUF = "application/json", "application/x-protobuf"
TRACES = ["/v1/traces", "/otlp/v1/traces"]


@pytest.fixture
def key():
    return a_key(a_service())[1]


@pytest.fixture(params=["view", "lane"])
def post(request, key):
    """Posts a body to an address; gives status, content type and body of the answer."""
    if request.param == "view":

        def by_view(address, body, content_type=JSON, authorization=f"Bearer {key}", **headers):
            given = {"Authorization": authorization, **headers}
            answer = Client().generic("POST", address, body, content_type, headers=given)
            return answer.status_code, answer["Content-Type"], answer.content

        yield by_view
        return
    with httpx.Client(base_url=request.getfixturevalue("web_server"), timeout=30) as client:

        def by_lane(address, body, content_type=JSON, authorization=f"Bearer {key}", **headers):
            given = {"Authorization": authorization, "Content-Type": content_type, **headers}
            answer = client.post(address, content=body, headers=given)
            return answer.status_code, answer.headers["Content-Type"], answer.content

        yield by_lane


@pytest.mark.parametrize("address", TRACES)
@pytest.mark.parametrize(("content_type", "encode"), [(JSON, as_json), (PROTOBUF, as_protobuf)])
def test_a_span_becomes_one_log_however_often_it_is_sent(post, address, content_type, encode):
    body = encode(an_export(a_span(), resource={"deployment.environment.name": "prod"}))

    answers = [post(address, body, content_type) for _ in range(2)]

    empty = b"{}" if content_type == JSON else b""
    assert answers == [(200, content_type, empty)] * 2
    log = RequestLog.objects.get()
    assert (log.method, log.path, log.environment, log.latency_ms) == ("GET", "/orders", "prod", 12.5)


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_what_was_ignored_is_told_in_the_encoding_of_the_request(post, content_type):
    encode = as_json if content_type == JSON else as_protobuf
    body = encode(an_export(a_span(), a_span(number=2, kind=1), a_span(number=3, startTimeUnixNano="1")))

    status, answered_type, answer = post("/otlp/v1/traces", body, content_type)

    assert (status, answered_type) == (200, content_type)
    if content_type == JSON:
        partial = json.loads(answer)["partialSuccess"]
        rejected, message = partial["rejectedSpans"], partial["errorMessage"]
        assert rejected == "2"
    else:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        rejected, message = partial.rejected_spans, partial.error_message
        assert rejected == 2
    assert message.startswith(
        "Ignored, since they are no HTTP requests to keep: 1 internal. Refused: 1 timestamp:"
    )
    assert RequestLog.objects.count() == 1


def test_secrets_in_spans_are_masked_before_they_are_kept(post):
    attributes = {
        "http.request.method": "GET",
        "url.path": "/x",
        "url.query": "api_key=s3cret",
        "http.request.header.authorization": ["Bearer s3cret"],
        "apitally.request.body": '{"password": "s3cret"}',
    }

    assert post("/v1/traces", as_json(an_export(a_span(attributes))))[0] == 200

    log = RequestLog.objects.get()
    kept = json.dumps([log.url, LogPayload.objects.contents_of(log.id)])
    assert "s3cret" not in kept
    assert kept.count("***MASKED***") == 4


@pytest.mark.parametrize(
    "name",
    [name for name in EXPECTED if "traces" in name],
)
def test_what_real_clients_sent_is_kept_once_as_it_is_on_the_wire(post, settings, name):
    settings.RETENTION_DAYS = 3650
    content_type = JSON if name.endswith(".json") else PROTOBUF
    encoding = {"Content-Encoding": "gzip"} if name.endswith(".gz") else {}

    answers = {post("/v1/traces", sent(name), content_type, **encoding)[:2] for _ in range(2)}

    assert answers == {(200, content_type)}
    kept = RequestLog.objects.values_list("method", "path", "status_code")
    assert sorted(kept) == sorted((row["method"], row["path"], row["status_code"]) for row in EXPECTED[name])


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("case", "status", "code"),
    [("stranger", 401, 16), ("broken", 400, 3), ("not gzip", 400, 3), ("too many", 413, 3)],
)
def test_a_refusal_is_a_status_in_the_encoding_of_the_request(
    post, settings, content_type, case, status, code
):
    encode = as_json if content_type == JSON else as_protobuf
    body = b"\xff\xff" if case == "broken" else encode(an_export(a_span()))
    if case == "too many":
        body = encode({"resourceSpans": an_export(*[{"kind": 1}] * 20_001)["resourceSpans"]})
    headers = {"Content-Encoding": "gzip"} if case == "not gzip" else {}
    if case == "stranger":
        headers["authorization"] = "Bearer mkey_wrong"

    answered, answered_type, answer = post("/v1/traces", body, content_type, **headers)

    assert (answered, answered_type) == (status, content_type)
    told = json.loads(answer) if content_type == JSON else Status.FromString(answer)
    assert (told["code"] if content_type == JSON else told.code) == code
    assert told["message"] if content_type == JSON else told.message
    assert not RequestLog.objects.exists()


def test_another_content_type_is_told_the_two_there_are(post):
    status, content_type, answer = post("/v1/traces", b"{}", "text/plain")

    assert (status, content_type) == (415, "application/problem+json")
    assert "application/x-protobuf" in json.loads(answer)["detail"]


def test_a_bomb_stays_small(post):
    body = gzip.compress(b" " * (33 * 1024 * 1024))

    assert post("/v1/traces", body, JSON, **{"Content-Encoding": "gzip"})[0] == 413


LOGS = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "a"}}, {}]}]}]}
POINTS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": [{}, {}, {}]}}]}]}]}


@pytest.mark.parametrize(
    ("address", "body", "member", "count"),
    [
        ("/v1/logs", LOGS, "rejectedLogRecords", "2"),
        ("/otlp/v1/logs", LOGS, "rejectedLogRecords", "2"),
        ("/v1/metrics", POINTS, "rejectedDataPoints", "3"),
        ("/otlp/v1/metrics", POINTS, "rejectedDataPoints", "3"),
    ],
)
def test_records_and_points_are_counted_and_said_not_to_be_kept(post, address, body, member, count):
    status, _, answer = post(address, json.dumps(body).encode())

    assert status == 200
    assert json.loads(answer)["partialSuccess"][member] == count
    assert "not kept" in json.loads(answer)["partialSuccess"]["errorMessage"]


@pytest.mark.parametrize("prefix", ["", "/otlp"])
def test_real_clients_records_and_points_are_answered(post, prefix):
    gzipped = {"Content-Encoding": "gzip"}

    logs = post(f"{prefix}/v1/logs", sent("b-py1.0.0-fastapi-logs-events.pb.gz"), PROTOBUF, **gzipped)
    points = post(f"{prefix}/v1/metrics", sent("b-py1.0.0-fastapi-metrics.pb.gz"), PROTOBUF, **gzipped)

    assert {logs[:2], points[:2]} == {(200, PROTOBUF)}
    assert ExportLogsServiceResponse.FromString(logs[2]).partial_success.rejected_log_records > 0
    assert ExportMetricsServiceResponse.FromString(points[2]).partial_success.rejected_data_points > 0


def test_our_own_log_is_still_a_log_beside_them(post):
    log = a_log(request_body='{"resourceLogs": []}')

    assert post("/v1/logs", json.dumps(log).encode())[0] == 201
    assert post("/v1/logs", json.dumps({**log, "resourceLogs": []}).encode())[0] == 201
    # Without a method, but `resourceLogs` is not at the top: a log with a field missing.
    status, content_type, _ = post("/v1/logs", b'{"a": "\\"resourceLogs\\"", "b": {"resourceLogs": 1}}')
    assert (status, content_type) == (400, "application/problem+json")


def test_the_addresses_are_exact_and_never_redirect(post):
    assert post("/v1/traces/", b"{}")[0] == 404
    assert post("/otlp/v1/traces/", b"{}")[0] == 404


def test_no_address_of_otlp_is_redirected_to_https(settings):
    settings.SECURE_SSL_REDIRECT = True

    for address in ("/otlp/v1/traces", "/v1/traces", "/otlp/v1/metrics"):
        assert Client().post(address, b"{}", content_type=JSON).status_code == 401
