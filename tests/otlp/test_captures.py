"""What real clients sent gives the rows that were worked out by hand from the same traffic."""

from collections import Counter

import pytest

from monitor.ingest import LogItem
from monitor.lib.masking import MASK
from monitor.otlp import json_form, protobuf, read_requests
from tests.otlp.captures import EXPECTED, plain

# What a log item spells otherwise, or has no place for.
TRIED_APART = {"error", "tags", "service_name", "scope", "remote_parent", "request_size", "response_size"}


def reading_of(name):
    encoding = json_form if name.endswith(".json") else protobuf
    return read_requests(encoding.read_spans(plain(name), most=1000))


def joined(headers):
    """Header values as one text each."""
    if headers is None:
        return None
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in headers.items()}


def row_of(item: LogItem):
    """The item in the words of the expected rows."""
    return {
        "dedupe": item.event_id.replace(":", "/"),
        "timestamp": pytest.approx(item.timestamp.timestamp(), abs=1e-5),
        "environment": item.environment,
        "method": item.method,
        "url": item.url,
        "path": item.path,
        "route": item.route,
        "status_code": item.status_code,
        "latency_ms": pytest.approx(item.latency_ms, abs=0.001),
        "query_params": item.query_params or {},
        "request_headers": joined(item.request_headers),
        "request_body": item.request_body,
        "response_headers": joined(item.response_headers),
        "response_body": item.response_body,
        "source_ip": item.source_ip,
        "consumer": item.consumer,
        "trace_id": item.trace_id,
    }


def expected_of(row):
    wanted = {name: value for name, value in row.items() if name not in TRIED_APART}
    for side in ("request_body", "response_body"):
        # A marker in the place of a body is no body.
        if isinstance(wanted[side], dict):
            wanted[side] = None if wanted[side]["omitted"] == "too_large" else MASK
    return wanted


@pytest.mark.parametrize("name", EXPECTED)
def test_each_request_becomes_the_expected_row(name):
    reading = reading_of(name)

    rows = {row["dedupe"]: row for row in map(row_of, reading.items)}

    assert {key: rows[key] for key in sorted(rows)} == {
        row["dedupe"]: expected_of(row) for row in sorted(EXPECTED[name], key=lambda row: row["dedupe"])
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_an_exception_becomes_the_error_with_its_stack(name):
    errors = {item.event_id.replace(":", "/"): item.error for item in reading_of(name).items}

    for row in EXPECTED[name]:
        told, error = row["error"], errors[row["dedupe"]]
        if told is None:
            assert error is None
        else:
            head, _, stack = error.partition("\n")
            assert head == f"{told['type']}: {told['message']}"
            assert stack.startswith(("Traceback", "    at ")) == told["has_stack"]


@pytest.mark.parametrize("name", EXPECTED)
def test_chosen_attributes_become_tags(name):
    tags = {item.event_id.replace(":", "/"): item.tags or [] for item in reading_of(name).items}

    for row in EXPECTED[name]:
        assert {f"{key}={value}" for key, value in row["tags"].items()} <= set(tags[row["dedupe"]])
        service = row["service_name"]
        assert (f"service.name={service}" in tags[row["dedupe"]]) == (not service.startswith("unknown"))


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("b-py1.0.0-fastapi-traces.pb.gz", {"internal": 3}),
        ("b-py1.0.0-drf-traces.pb.gz", {}),
        ("c-otel-fastapi-newsemconv-traces.pb.gz", {"internal": 48, "OPTIONS": 1}),
        ("c-otel-fastapi-oldsemconv-traces.pb", {"internal": 36, "OPTIONS": 1}),
        ("c-otel-node-express-traces.json", {"internal": 61, "OPTIONS": 1}),
    ],
)
def test_what_is_no_request_is_counted_by_what_it_is(name, ignored):
    assert reading_of(name).ignored == Counter(ignored)


def test_a_body_that_was_too_large_for_the_client_is_told_by_a_tag():
    (big,) = [item for item in reading_of("b-py1.0.0-fastapi-traces.pb.gz").items if item.path == "/big"]

    assert "response_body=too large" in big.tags
