"""What each attribute of a span says about the request, by either encoding."""

import json

import pytest

from monitor.ingest import LogItem, Undecodable
from monitor.otlp import Malformed, TooMany, json_form, protobuf, read_requests
from tests.otlp.spans import CLIENT, TRACE, a_span, an_export, as_json, as_protobuf, some_attributes


def item_of(attributes=None, *, resource=None, **fields) -> LogItem:
    """The item of one span, after both encodings agreed on it."""
    export = an_export(a_span(attributes, **fields), resource=resource)
    (by_json,) = read_requests(json_form.read_spans(as_json(export), most=10)).items
    (by_protobuf,) = read_requests(protobuf.read_spans(as_protobuf(export), most=10)).items
    assert by_json == by_protobuf
    assert isinstance(by_json, LogItem)
    return by_json


def ignored_of(*spans):
    return dict(read_requests(json_form.read_spans(as_json(an_export(*spans)), most=10)).ignored)


NEW = {
    "http.request.method": "POST",
    "url.scheme": "https",
    "server.address": "shop.example",
    "server.port": 8443,
    "url.path": "/orders/7",
    "url.query": "a=1&a=2&b=",
    "http.route": "/orders/{id}",
    "http.response.status_code": 201,
    "client.address": "203.0.113.9",
    "http.request.header.content-type": ["application/json"],
    "http.response.header.set-cookie": ["a=1", "b=2"],
    "user.id": "acme",
}
OLD = {
    "http.method": "POST",
    "http.scheme": "https",
    "http.host": "shop.example:8443",
    "net.host.port": 8443,
    "http.target": "/orders/7?a=1&a=2&b=",
    "http.route": "/orders/{id}",
    "http.status_code": 201,
    "net.peer.ip": "203.0.113.9",
    "http.request.header.content_type": ["application/json"],
    "http.response.header.set_cookie": ["a=1", "b=2"],
    "enduser.id": "acme",
}


@pytest.mark.parametrize("attributes", [NEW, OLD, {**OLD, **NEW}], ids=["new", "old", "both"])
def test_new_and_old_names_give_the_same_request(attributes):
    item = item_of(attributes)

    assert (item.method, item.status_code, item.latency_ms) == ("POST", 201, 12.5)
    assert item.url == "https://shop.example:8443/orders/7?a=1&a=2&b="
    assert (item.path, item.route) == ("/orders/7", "/orders/{id}")
    assert item.query_params == {"a": ["1", "2"], "b": [""]}
    assert item.request_headers == {"content-type": "application/json"}
    assert item.response_headers == {"set-cookie": ["a=1", "b=2"]}
    assert (item.source_ip, item.consumer) == ("203.0.113.9", "acme")
    assert (item.trace_id, item.event_id) == (TRACE, f"{TRACE}:{1:016x}")


@pytest.mark.parametrize(
    ("attributes", "url"),
    [
        ({"url.full": "https://a.example/x?y=1"}, "https://a.example/x?y=1"),
        ({"http.url": "http://a.example/x"}, "http://a.example/x"),
        ({"server.address": "a.example:81", "server.port": 81, "url.path": "/x"}, "http://a.example:81/x"),
        ({"server.address": "a.example", "server.port": 80, "url.path": "/x"}, "http://a.example/x"),
        ({"server.address": "::1", "server.port": 8000, "url.path": "/x"}, "http://[::1]:8000/x"),
        ({"url.path": "/x", "url.query": "y=1"}, "/x?y=1"),
        ({}, "/"),
    ],
)
def test_the_url_is_put_together_from_what_there_is(attributes, url):
    assert item_of({"http.request.method": "GET", **attributes}).url == url


@pytest.mark.parametrize(
    ("attributes", "address"),
    [
        ({"client.address": "::ffff:203.0.113.9"}, "203.0.113.9"),
        ({"client.address": "2001:4860::8888"}, "2001:4860::8888"),
        (
            {"client.address": "10.0.0.1", "http.request.header.x_forwarded_for": ["8.8.8.8, 10.0.0.2"]},
            "8.8.8.8",
        ),
        ({"client.address": "8.8.4.4", "http.request.header.x-forwarded-for": ["1.2.3.4"]}, "8.8.4.4"),
        ({"client.address": "127.0.0.1", "http.request.header.x-forwarded-for": ["unknown"]}, "127.0.0.1"),
        ({"client.address": "a.unix.socket"}, None),
    ],
)
def test_the_caller_is_told_from_its_proxy(attributes, address):
    assert item_of({"http.request.method": "GET", **attributes}).source_ip == address


def test_the_resource_gives_environment_service_and_version():
    resource = {"deployment.environment": "old", "service.name": "shop", "service.version": "1.2"}

    item = item_of(resource=resource)
    renamed = item_of(resource={**resource, "deployment.environment.name": "prod"})

    assert (item.environment, renamed.environment) == ("old", "prod")
    assert item.tags == ["service.name=shop", "service.version=1.2"]


def test_an_outgoing_call_says_so_and_names_the_host_with_its_route():
    item = item_of(
        {
            "http.request.method": "GET",
            "url.full": "https://pay.example/charges/81723",
            "server.address": "pay.example",
        },
        kind=CLIENT,
    )

    assert (item.url, item.path) == ("https://pay.example/charges/81723", "/charges/81723")
    assert item.route == "pay.example/charges/{id}"
    assert item.tags == ["span.kind=client"]
    assert item.source_ip is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"error.type": "500"}, None),
        ({"error.type": "TimeoutError"}, "TimeoutError: took too long"),
        ({}, "took too long"),
    ],
)
def test_an_error_without_exception_is_told_in_the_senders_words(fields, error):
    status = {"code": 2, "message": "took too long"}

    item = item_of({"http.request.method": "GET", "http.response.status_code": 500, **fields}, status=status)

    assert item.error == error


def test_the_last_exception_is_the_error():
    events = [
        {
            "name": "exception",
            "attributes": some_attributes({"exception.type": kind, "exception.message": "m"}),
        }
        for kind in ("KeyError", "builtins.ValueError")
    ]

    assert item_of(events=[*events, {"name": "other"}]).error == "ValueError: m"


def test_captured_bodies_are_text_whatever_they_came_as():
    item = item_of(
        {
            "http.request.method": "GET",
            "apitally.request.body": '{"a": 1}',
            "apitally.response.body": "körper".encode("latin-1"),
        }
    )

    assert (item.request_body, item.response_body) == ('{"a": 1}', "k\ufffdrper")


def test_a_body_in_a_form_we_cannot_mask_is_left_out_and_told():
    item = item_of({"http.request.method": "GET", "apitally.response.body": b"\x1f\x8b secret"})

    assert item.response_body is None
    assert item.tags == ["response_body=compressed"]


def test_a_method_that_its_sender_did_not_know_is_told_as_it_was_sent():
    assert (
        item_of({"http.request.method": "_OTHER", "http.request.method_original": "PURGE"}).method == "PURGE"
    )


def test_djangos_routes_get_their_leading_slash():
    assert item_of({"http.method": "GET", "http.route": "items/<int:id>"}).route == "/items/<int:id>"


def test_what_is_beyond_the_limits_is_cut_and_marked():
    headers = {f"http.request.header.x-{number}": ["v" * 5000] for number in range(200)}
    item = item_of(
        {"http.request.method": "GET", "url.path": "/" + "p" * 9000, "user.id": "c" * 500, **headers}
    )

    assert (len(item.path), item.path[-1]) == (2048, "…")
    assert (len(item.consumer), item.consumer[-1]) == (128, "…")
    assert len(item.request_headers) == 128
    assert all(value.endswith("…") for value in item.request_headers.values())


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (a_span(kind=1), "internal"),
        (a_span(kind="SPAN_KIND_PRODUCER"), "producer"),
        (a_span(kind=9), "unknown"),
        (a_span({"rpc.system": "grpc"}), "server without an HTTP method"),
        (a_span({"db.system": "postgresql"}, kind=CLIENT), "client without an HTTP method"),
        (a_span({"http.method": "OPTIONS"}), "OPTIONS"),
    ],
)
def test_spans_that_are_no_requests_are_counted(span, reason):
    assert ignored_of(span) == {reason: 1}


def test_of_two_layers_that_report_one_request_the_outer_one_counts():
    inner = a_span(number=2, parentSpanId=f"{1:016x}", flags=0x100)

    assert ignored_of(a_span(number=1), inner) == {"inner server": 1}


def test_a_request_that_another_service_of_the_same_trace_made_is_a_request():
    remote = a_span(number=2, parentSpanId=f"{1:016x}", flags=0x300)

    assert ignored_of(a_span(number=1), remote) == {}


def test_parents_in_a_ring_end_the_search():
    event = {"name": "exception", "attributes": []}
    ring = [
        a_span(number=1, parentSpanId=f"{2:016x}", kind=1, events=[event]),
        a_span(number=2, parentSpanId=f"{1:016x}", kind=1),
    ]

    assert ignored_of(*ring) == {"internal": 2}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"traceId": "00" * 16}, "trace_id"),
        ({"traceId": "5b8e"}, "trace_id"),
        ({"spanId": ""}, "span_id"),
        ({"attributes": {"http.request.method": "no method"}}, "method"),
    ],
)
def test_a_span_that_is_damaged_is_refused_by_name(fields, field):
    export = as_json(an_export(a_span(**fields), a_span(number=2)))

    bad, good = read_requests(json_form.read_spans(export, most=10)).items

    assert isinstance(bad, Undecodable)
    assert bad.field == field
    assert isinstance(good, LogItem)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"bytesValue": "-"}}]}, '
        b'"scopeSpans": [{"spans": [{}]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"value": '
        + b'{"arrayValue": {"values": [' * 5000
        + b"]}}" * 5000
        + b"}]}}]}",
    ],
)
def test_json_that_is_no_otlp_is_malformed(body):
    with pytest.raises(Malformed):
        json_form.read_spans(body, most=10)


def test_half_an_emoji_loses_no_span():
    export = as_json(an_export(a_span({"http.request.method": "GET", "url.path": "/x\ud83d"})))
    assert b"\\ud83d" in export

    (item,) = read_requests(json_form.read_spans(export, most=10)).items

    assert item.path == "/x\ufffd"


def test_bytes_that_are_no_protobuf_are_malformed():
    with pytest.raises(Malformed):
        protobuf.read_spans(json.dumps({}).encode(), most=10)


@pytest.mark.parametrize(("encoding", "encode"), [(json_form, as_json), (protobuf, as_protobuf)])
def test_more_spans_than_are_read_at_once_are_refused(encoding, encode):
    body = encode(an_export(a_span(number=1), a_span(number=2)))

    assert len(encoding.read_spans(body, most=2)) == 2
    with pytest.raises(TooMany):
        encoding.read_spans(body, most=1)
