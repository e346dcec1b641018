"""GET /v1/logs/{id}: everything that was kept of one request."""

import uuid

import pytest

from monitor.models import LogPayload
from tests.factories import a_client, a_key, a_log, a_service, keep_logs

ROW_FIELDS = {
    "id",
    "service_id",
    "endpoint_id",
    "method",
    "url",
    "path",
    "route",
    "status_code",
    "latency_ms",
    "error",
    "tags",
    "consumer",
    "environment",
    "mode",
    "trace_id",
    "captured_at",
    "received_at",
}
DETAIL_FIELDS = {
    "query_params",
    "request_headers",
    "request_body",
    "response_headers",
    "response_body",
    "source_ip",
    "event_id",
    "span_id",
    "parent_span_id",
    "request_bytes",
    "response_bytes",
    "request_truncated",
    "response_truncated",
}


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


def test_lists_are_light_and_details_are_full(service, reader):
    (log_id,) = keep_logs(service, a_log(request_body="x", request_headers={"A": "b"}))

    (row,) = reader.get("/v1/logs").json()
    detail = reader.get(f"/v1/logs/{log_id}").json()

    assert set(row) == ROW_FIELDS
    assert set(detail) == ROW_FIELDS | DETAIL_FIELDS
    assert {name: detail[name] for name in row} == row


def test_a_log_without_headers_and_bodies_is_whole_too(service, reader):
    (log_id,) = keep_logs(service, a_log())

    detail = reader.get(f"/v1/logs/{log_id}").json()

    assert [
        detail[name] for name in ("query_params", "request_headers", "request_body", "response_body")
    ] == [None] * 4
    assert detail["request_truncated"] is detail["response_truncated"] is False


def test_a_log_whose_payload_is_lost_can_still_be_read(service, reader):
    (log_id,) = keep_logs(service, a_log(request_body="x"))
    LogPayload.objects.all().delete()

    assert reader.get(f"/v1/logs/{log_id}").json()["request_body"] is None


@pytest.mark.parametrize("log_id", [uuid.uuid4(), uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)])
def test_an_unknown_id_is_404(reader, log_id):
    answer = reader.get(f"/v1/logs/{log_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "log_id", ["7", "new", "%00", "a" * 36, "01a1fd76-6e96-76cc-a1fd-eac54dadaa7", "%F0%9F%98%80"]
)
def test_a_malformed_id_is_400_and_named(reader, log_id):
    answer = reader.get(f"/v1/logs/{log_id}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "log_id"


def test_a_key_of_a_sibling_is_403_and_of_a_foreign_organization_404(service):
    (log_id,) = keep_logs(service, a_log())
    sibling = a_client(a_key(a_service(service.organization))[1])
    foreigner = a_client(a_key()[1])

    refused = sibling.get(f"/v1/logs/{log_id}")

    assert (refused.status_code, refused.json()["code"]) == (403, "other_service")
    assert foreigner.get(f"/v1/logs/{log_id}").status_code == 404


def test_query_budget(service, reader, django_assert_num_queries):
    (log_id,) = keep_logs(service, a_log(request_body="x", consumer="acme"))
    reader.get("/v1/logs")

    # the key; the log with its names joined; its payload.
    with django_assert_num_queries(3):
        assert reader.get(f"/v1/logs/{log_id}").status_code == 200
