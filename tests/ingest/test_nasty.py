"""Bodies that break parsers: each is a 4xx or a kept log, never a 5xx, and never half a batch."""

import gzip
import json
import zlib

import pytest

from monitor.models import RequestLog
from tests.factories import a_log, post_json

pytestmark = pytest.mark.usefixtures("door")


def with_raw(field, raw):
    """A log whose field is this raw JSON."""
    return json.dumps(a_log(**{field: "PLACE"})).replace('"PLACE"', raw).encode()


DEEP = 10_000
BROKEN = {
    "empty": b"",
    "blank": b" \n\t",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "not json": b"method=GET",
    "cut": json.dumps(a_log()).encode()[:-3],
    "two documents": json.dumps(a_log()).encode() * 2,
    "an array": b"[]",
    "a text": b'"x"',
    "a number": b"7",
    "null": b"null",
    "single quotes": b"{'method': 'GET'}",
    "a comment": b'{"method": "GET", /* x */ "url": "/", "path": "/"}',
    "invalid utf-8": with_raw("error", '"X"').replace(b"X", b"\xff\xfe"),
    "utf-16": json.dumps(a_log()).encode("utf-16"),
    "a raw nul": with_raw("error", '"X"').replace(b"X", b"\x00"),
    "a raw newline in a text": with_raw("error", '"X"').replace(b"X", b"\n"),
    "nan": with_raw("latency_ms", "NaN"),
    "infinity": with_raw("latency_ms", "Infinity"),
    "a number beyond a float": with_raw("latency_ms", "1e999"),
    "a number beyond a float, somewhere else": with_raw("query_params", '{"n": 1e999}'),
    "a number beyond a float, beside a lone surrogate": with_raw(
        "query_params", '{"n": 1e999, "s": "\\ud83d"}'
    ),
    "an integer beyond 64 bits": with_raw("status_code", "9" * 40),
    "an integer of 100,000 digits": with_raw("query_params", '{"n": ' + "9" * 100_000 + "}"),
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects in a known field": with_raw("query_params", '{"a":' * DEEP + "1" + "}" * DEEP),
    "deep objects in an unknown field": with_raw("unknown", '{"a":' * DEEP + "1" + "}" * DEEP),
    "deep arrays that never close": with_raw("query_params", "[" * DEEP),
    "deep beside a lone surrogate": with_raw("query_params", '{"s":"\\udc00","a":' * 3000 + "1" + "}" * 3000),
}
KEPT = {
    "an escaped nul": with_raw("error", '"a\\u0000b"'),
    "nul everywhere": json.dumps(
        a_log(
            url="/\0",
            path="/\0",
            error="\0",
            request_body="\0",
            response_body="\0",
            tags=["\0"],
            route="/\0",
            consumer="\0",
            environment="\0",
            trace_id="\0",
            event_id="\0",
            query_params={"\0": "\0"},
            request_headers={"\0": "\0"},
        )
    ).encode(),
    "a lone surrogate": with_raw("request_body", '"cut inside \\ud83d"'),
    "lone surrogates everywhere": json.dumps(
        a_log(
            url="/\udc00",
            path="/\udc00",
            error="\udc00",
            request_body="\udc00",
            tags=["\udc00"],
            consumer="\udc00",
            query_params={"\udc00": "\udc00"},
            response_headers={"\udc00": ["\udc00"]},
        )
    ).encode(),
    "a pair of surrogates": with_raw("request_body", '"\\ud83d\\ude00"'),
    "a duplicate key": b'{"method":"GET","method":"POST","url":"/","path":"/","query_params":{"a":1,"a":2}}',
    "a deep object within reason": with_raw("query_params", '{"a":' * 150 + "1" + "}" * 150),
    "a deeper object": with_raw("query_params", '{"a":' * 450 + "1" + "}" * 450),
    "a deep body": with_raw("request_body", json.dumps("[" * 100_000)),
    "a small number": with_raw("latency_ms", "1e-320"),
    "a large integer": with_raw("query_params", '{"n": ' + "9" * 300 + "}"),
    "an almost full log": with_raw("request_body", json.dumps("x" * (1024 * 1024 - 500))),
    "a full log of multibyte text": with_raw("request_body", '"' + "é" * (512 * 1024 - 500) + '"'),
    "control characters": with_raw("error", json.dumps("".join(map(chr, range(1, 32))) + "\x7f\x85\u2028")),
    "right to left": with_raw("path", '"/\\u202e/\\u0627"'),
    "a hostile path": with_raw("path", json.dumps("/../..;/%00/%2e%2e/" + "//" * 500)),
    "a hostile url": with_raw("url", json.dumps("http://[::1/%zz?%%%=&&=;#?")),
    "sql": with_raw("path", json.dumps("/'; DROP TABLE request_log; --%s{}")),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_a_problem_and_keeps_nothing(sender, body):
    answer = sender.post("/v1/logs", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert not RequestLog.objects.exists()


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_item_leaves_a_batch_whole_or_out(sender, body):
    good = json.dumps(a_log()).encode()

    answer = sender.post("/v1/logs/batch", b"[" + good + b"," + body + b"]", content_type="application/json")

    kept = RequestLog.objects.count()
    if answer.status_code == 400:
        assert kept == 0
    else:
        assert answer.status_code in (201, 207)
        assert kept == answer.json()["accepted"] == len(set(answer.json()["ids"]))


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_costs_no_other_line(sender, body):
    good = json.dumps(a_log()).encode()

    answer = sender.post(
        "/v1/logs/batch", b"\n".join([good, body, good]), content_type="application/x-ndjson"
    )

    assert answer.status_code in (201, 207)
    assert RequestLog.objects.count() == 2


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_an_odd_log_is_kept_and_can_be_read(sender, body):
    made = sender.post("/v1/logs", body, content_type="application/json")

    assert made.status_code == 201
    assert sender.get("/v1/logs").json()[0]["id"] == made.json()["id"]
    assert sender.get(f"/v1/logs/{made.json()['id']}").status_code == 200


def test_nul_characters_are_shown_as_replaced(sender):
    made = post_json(sender, "/v1/logs", a_log(error="a\0b", request_body="c\0d", tags=["\0"]))

    kept = sender.get(f"/v1/logs/{made.json()['id']}").json()
    assert (kept["error"], kept["tags"]) == ("a\ufffdb", ["\ufffd"])
    assert kept["request_body"].replace("\ufffd", "\0") == "c\0d"


def test_half_a_surrogate_pair_becomes_the_replacement_character(sender):
    made = sender.post("/v1/logs", KEPT["a lone surrogate"], content_type="application/json")

    kept = sender.get(f"/v1/logs/{made.json()['id']}").json()
    assert kept["request_body"] == "cut inside \ufffd"


def test_the_last_of_duplicate_keys_counts(sender):
    made = sender.post("/v1/logs", KEPT["a duplicate key"], content_type="application/json")

    assert made.json()["method"] == "POST"


def gzipped(sender, address, body, **headers):
    return sender.post(
        address, body, content_type="application/json", headers={"Content-Encoding": "gzip", **headers}
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps(a_log()).encode(), id="plain"),
        pytest.param(gzip.compress(json.dumps(a_log()).encode())[:-4], id="cut"),
        pytest.param(gzip.compress(json.dumps(a_log()).encode())[:5], id="cut in the header"),
        pytest.param(gzip.compress(json.dumps(a_log()).encode()) + b"more", id="with more behind"),
        pytest.param(zlib.compress(json.dumps(a_log()).encode()), id="zlib"),
        pytest.param(
            gzip.compress(json.dumps(a_log()).encode()).replace(b"\x1f\x8b\x08", b"\x1f\x8b\x07"), id="method"
        ),
        pytest.param(bytearray(gzip.compress(json.dumps(a_log()).encode()))[:-8] + b"\0" * 8, id="checksum"),
        pytest.param(gzip.compress(b"") * 5000, id="thousands of empty members"),
    ],
)
def test_gzip_that_is_none_is_a_problem(sender, body):
    answer = gzipped(sender, "/v1/logs", bytes(body))

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_gzip"


def test_an_empty_body_needs_no_compression(sender):
    assert gzipped(sender, "/v1/logs", b"").json()["code"] == "malformed_json"


@pytest.mark.parametrize("address", ["/v1/logs", "/v1/logs/batch"])
def test_a_gzip_bomb_is_too_large_and_costs_little(sender, address):
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b" " * 1024 * 1024) for _ in range(200)) + packer.flush()
    assert len(bomb) < 300_000

    assert gzipped(sender, address, bomb).status_code == 413


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_encodings_are_415(sender, encoding):
    answer = gzipped(sender, "/v1/logs", b"x", **{"Content-Encoding": encoding})

    assert answer.status_code == 415
    assert encoding in answer.json()["detail"]


def test_one_log_may_have_a_megabyte_and_no_more(sender, settings):
    frame = len(json.dumps(a_log(request_body="")))
    fits = json.dumps(a_log(request_body="x" * (settings.MAX_LOG_BYTES - frame)))

    assert sender.post("/v1/logs", fits, content_type="application/json").status_code == 201
    refused = sender.post("/v1/logs", fits + " ", content_type="application/json")

    assert refused.status_code == 413
    assert refused.json()["code"] == "body_too_large"


def test_a_batch_may_have_sixteen_megabytes_and_no_more(sender, settings):
    log = json.dumps(a_log())
    fits = f"[{log}{' ' * (settings.MAX_BATCH_BYTES - len(log) - 2)}]"

    assert sender.post("/v1/logs/batch", fits, content_type="application/json").status_code == 201
    assert sender.post("/v1/logs/batch", fits + " ", content_type="application/json").status_code == 413
