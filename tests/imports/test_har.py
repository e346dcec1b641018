"""HAR files of browsers and proxies through the door: what becomes of each entry, and of the odd ones."""

import base64
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from monitor.imports.har import read_har
from monitor.ingest import Undecodable
from monitor.models import LogPayload, RequestLog
from tests.factories import UNKNOWN_ID, a_client, a_key, a_service
from tests.imports.files import (
    a_moment,
    bare_entry,
    chrome_entry,
    har,
    mitmproxy_entry,
    websocket_entry,
)
from tests.ingest.test_secrets import everything_stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service(name="shop")


@pytest.fixture
def sender(service):
    return a_client(a_key(service)[1])


def post(sender, body, address="/v1/import/har", content_type="application/json", **options):
    return sender.post(address, body, content_type=content_type, **options)


def the_log():
    log = RequestLog.objects.with_names().get()
    return log, LogPayload.objects.contents_of(log.id)


def test_a_request_of_chrome_becomes_a_log_at_the_moment_it_happened(sender):
    moment = a_moment().replace(microsecond=123_000)

    answer = post(sender, har(chrome_entry(moment)))

    assert answer.status_code == 201, answer.content
    assert {name: answer.json()[name] for name in ("accepted", "new", "known", "rejected")} == {
        "accepted": 1,
        "new": 1,
        "known": 0,
        "rejected": 0,
    }
    log, contents = the_log()
    assert (log.method, log.path, log.status_code, log.captured_at) == ("POST", "/api/orders", 201, moment)
    assert log.latency_ms == pytest.approx(41.271)
    assert log.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert log.tags == ["resource=fetch"]
    assert contents["query_params"]["page"] == ["2", "3"]
    assert [name for name in contents["request_headers"] if name.startswith(":")] == []
    assert contents["response_headers"]["set-cookie"] == ["***MASKED***"] * 2
    assert json.loads(contents["request_body"]) == {"password": "***MASKED***", "name": "Zoë"}
    assert contents["response_body"] == '{"id": "o-17"}'
    assert log.request_bytes == len('{"password":"hunter2","name":"Zoë"}'.encode())
    for secret in ("very-secret", "hunter2", "abc123"):
        assert secret not in everything_stored()


def test_a_binary_body_is_named_and_measured_but_not_kept(sender):
    post(sender, har(mitmproxy_entry()))

    log, contents = the_log()
    assert log.tags == ["response_body=binary"]
    assert (log.request_bytes, log.response_bytes) == (0, 6)
    assert "response_body" not in contents


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ({"mimeType": "text/plain", "text": "Z29v", "encoding": "base64"}, "goo"),
        (
            {
                "mimeType": "text/html; charset=iso-8859-1",
                "text": base64.b64encode("ü".encode("latin-1")).decode(),
                "encoding": "base64",
            },
            "ü",
        ),
        ({"mimeType": "text/plain; charset=zip", "text": "Z29v", "encoding": "base64"}, "goo"),
        *(
            ({"mimeType": f"text/plain; charset={name}", "text": "Z29v", "encoding": "base64"}, "goo")
            for name in ("undefined", "punycode", "idna", "unicode_escape", "raw-unicode-escape")
        ),
        # mitmproxy's text of what names no character set, compressed or not: a character for each byte.
        ({"mimeType": "text/plain", "text": "ZoÃ«", "size": 4, "compression": 0}, "Zoë"),
        ({"mimeType": "text/plain", "text": "ZoÃ«", "size": 3, "compression": 1}, "Zoë"),
        # The same characters where they were meant, by their size or by the character set; and real Latin-1.
        ({"mimeType": "text/plain", "text": "ZoÃ«", "size": 6}, "ZoÃ«"),
        ({"mimeType": "text/plain; charset=latin-1", "text": "ZoÃ«", "size": 4}, "ZoÃ«"),
        ({"mimeType": "text/plain", "text": "Zoë", "size": 3}, "Zoë"),
        # No text of that character set.
        ({"mimeType": "text/plain; charset=utf-16", "text": "Z29v", "encoding": "base64"}, None),
        ({"mimeType": "text/plain", "text": ""}, ""),
        ({"mimeType": "text/plain", "text": "a", "encoding": "base64"}, None),
        ({"mimeType": 7, "text": 8}, None),
        ("text", None),
        ({}, None),
    ],
)
def test_an_answer_is_kept_as_text_where_it_is_one(sender, content, kept):
    assert post(sender, har(mitmproxy_entry(content=content))).status_code == 201

    assert the_log()[1].get("response_body") == kept


@pytest.mark.parametrize(
    ("mime_type", "words"),
    [
        ("application/x-www-form-urlencoded", ["a=1+2&", "b=%C3%BC"]),
        (
            "multipart/form-data; boundary=xyz",
            ["--xyz\r\n", '; name="a"\r\n\r\n1 2\r\n'],
        ),
    ],
)
def test_the_fields_of_a_form_stand_for_a_text_that_was_left_out(sender, mime_type, words):
    entry = chrome_entry()
    fields = [
        {"name": "a", "value": "1 2"},
        {"name": "b", "value": "ü", "fileName": 'x"y.txt'},
        {"name": "password", "value": "hunter2"},
    ]
    entry["request"]["postData"] = {"mimeType": mime_type, "params": fields}

    post(sender, har(entry))

    body = the_log()[1]["request_body"]
    assert [word for word in words if word not in body] == []
    assert "hunter2" not in body


def test_a_websocket_is_kept_as_its_handshake(sender):
    post(sender, har(websocket_entry()))

    log, _ = the_log()
    assert (log.method, log.status_code, log.path) == ("GET", 101, "/live")
    assert set(log.tags) == {"resource=websocket", "websocket.messages=12"}
    assert "secret talk" not in everything_stored()


def test_what_an_entry_does_not_say_is_not_made_up(sender):
    post(sender, har(bare_entry()))

    log, contents = the_log()
    assert (log.path, log.status_code, log.latency_ms) == ("/", None, None)
    assert (log.request_bytes, log.response_bytes, log.error) == (None, None, "net::ERR_ABORTED")
    assert contents.keys() == {"event_id"}


def test_a_time_that_is_missing_is_the_sum_of_its_known_parts(sender):
    entry = chrome_entry()
    del entry["time"]
    entry["timings"] = {"blocked": -1, "connect": 10, "ssl": 8, "send": 1, "wait": 20.5, "_queued": 99}

    post(sender, har(entry))

    assert the_log()[0].latency_ms == 31.5


def test_imported_again_nothing_doubles_even_from_another_kind_of_export(sender):
    moment = a_moment()
    full = chrome_entry(moment)
    cleaned = chrome_entry(moment, _priority="Low")
    cleaned["request"]["headers"] = []
    del cleaned["response"]["content"]["text"]
    post(sender, har(full, mitmproxy_entry()))

    answer = post(sender, har(cleaned, cleaned)).json()

    assert (answer["accepted"], answer["new"], answer["known"]) == (2, 0, 2)
    assert RequestLog.objects.count() == 2


def test_requests_that_differ_in_what_tells_them_apart_are_kept_apart(sender):
    moment = a_moment()
    one = chrome_entry(moment)
    others = [chrome_entry(moment, time=1), chrome_entry(moment + timedelta(milliseconds=1))]
    elsewhere = chrome_entry(moment)
    elsewhere["request"]["url"] += "&more=1"

    post(sender, har(one, *others, elsewhere))

    assert RequestLog.objects.count() == 4


def test_bad_entries_are_named_and_the_rest_is_kept(sender):
    wrong = [chrome_entry() for _ in range(5)]
    wrong[0]["startedDateTime"] = "yesterday"
    del wrong[1]["request"]["method"]
    wrong[2]["request"]["url"] = "data:image/png;base64,AAAA"
    wrong[3]["request"]["headers"] = "none"
    old = chrome_entry(timezone.now() - timedelta(days=400))

    answer = post(sender, har(chrome_entry(), *wrong[:4], 7, {}, old))

    assert answer.status_code == 207
    assert [(error["index"], error["field"], error["code"]) for error in answer.json()["errors"]] == [
        (1, "startedDateTime", "invalid"),
        (2, "request.method", "required"),
        (3, "request.url", "not_http"),
        (4, "request.headers", "invalid"),
        (5, "", "invalid"),
        (6, "request", "required"),
        (7, "startedDateTime", "invalid"),
    ]
    assert RequestLog.objects.count() == 1


def test_a_dry_run_tells_what_would_be_kept_and_keeps_nothing(sender):
    known = chrome_entry()
    post(sender, har(known))
    bad = chrome_entry()
    bad["request"]["url"] = ""

    looking = "/v1/import/har?dry_run=true"

    answer = post(sender, har(known, mitmproxy_entry(), mitmproxy_entry(), bad), looking)
    all_good = post(sender, har(known), looking)

    result = answer.json()
    assert (answer.status_code, all_good.status_code, result["dry_run"]) == (207, 200, True)
    assert (result["accepted"], result["new"], result["known"], result["rejected"]) == (3, 2, 1, 1)
    assert RequestLog.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "validation_error"),
        (b'{"log": {}}', 400, "validation_error"),
        (b'{"log": {"entries": {}}}', 400, "validation_error"),
        (b"\xff{", 400, "malformed_json"),
        (b'{"log": {"entries": [' + b"[" * 100_000, 400, "malformed_json"),
    ],
)
def test_what_is_no_har_is_refused_as_a_whole(sender, body, status, code):
    answer = post(sender, body)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code


def test_a_file_may_begin_with_a_mark_and_hold_half_an_emoji(sender):
    entry = chrome_entry()
    entry["response"]["content"]["text"] = "cut \ud83d"

    answer = post(sender, b"\xef\xbb\xbf" + har(entry))

    assert answer.status_code == 201
    assert the_log()[1]["response_body"] == "cut \ufffd"


def test_nothing_that_stands_in_an_entry_breaks_the_reading():
    odd = [None, True, -1, 1e300, "", "\x00", [], [None], {}, {"name": None}]
    entries = []
    for value in odd:
        for place in ("startedDateTime", "time", "timings", "request", "response", "_webSocketMessages"):
            entries.append(chrome_entry(**{place: value}))
        for side in ("request", "response"):
            for name in chrome_entry()[side]:
                entry = chrome_entry()
                entry[side][name] = value
                entries.append(entry)

    items = read_har(har(*entries))

    assert len(items) == len(entries)
    assert {type(item).__name__ for item in items} == {"LogItem", "Undecodable"}
    assert all(str(item) for item in items if isinstance(item, Undecodable))


def test_a_large_file_is_refused_before_it_is_read_and_a_bad_switch_too(sender, settings):
    settings.MAX_BATCH_LOGS = 2

    assert post(sender, har(*[chrome_entry()] * 3)).status_code == 413
    assert post(sender, har(chrome_entry()), "/v1/import/har?dry_run=perhaps").status_code == 400
    assert post(sender, har(), content_type="text/plain").status_code == 415
    assert RequestLog.objects.count() == 0


def test_what_the_service_leaves_out_is_counted_apart(sender, service, tmp_path):
    service.exclusions = [{"id": UNKNOWN_ID, "kind": "path", "pattern": "/logo.png"}]
    service.save()
    file = tmp_path / "a.har"
    file.write_bytes(har(chrome_entry(), mitmproxy_entry()))

    out, _ = run("import_har", str(file), "--service", "shop")
    answer = post(sender, har(mitmproxy_entry())).json()

    assert out == "2 requests: 1 new, 0 known already, 1 left out by the service's rules, 0 refused.\n"
    assert (answer["accepted"], answer["excluded"], answer["rejected"]) == (0, 1, 0)
    assert RequestLog.objects.get().path == "/api/orders"


# --- The command -------------------------------------------------------------------------------------------


def run(*arguments):
    out, errors = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_the_command_brings_a_file_in_pieces_and_names_what_it_refused(service, tmp_path, monkeypatch):
    monkeypatch.setattr("monitor.imports.command.AT_ONCE", 2)
    bad = chrome_entry()
    bad["request"]["url"] = "about:blank"
    file = tmp_path / "a.har"
    file.write_bytes(har(*[chrome_entry(a_moment(number)) for number in range(1, 4)], bad))

    looked, _ = run("import_har", str(file), "--service", "shop", "--dry-run")
    after_looking = RequestLog.objects.count()
    out, errors = run("import_har", str(file), "--service", str(service.id), "--mode", "test")
    again, _ = run("import_har", str(file), "--service", "shop", "--mode", "test")

    assert (looked, after_looking) == ("4 requests: 3 would be new, 0 known already, 1 refused.\n", 0)
    assert out == "4 requests: 3 new, 0 known already, 1 refused.\n"
    assert again == "4 requests: 0 new, 3 known already, 1 refused.\n"
    assert errors == "Request 4, request.url: Not a request over HTTP: about.\n"
    assert set(RequestLog.objects.values_list("mode", flat=True)) == {"test"}


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"{}", "shop", "This is no HAR"),
        (None, "shop", "No such file"),
        (har(), "nobody", "There is no service nobody"),
        (har(7), "shop", "could be kept"),
    ],
)
def test_the_command_says_what_is_wrong(service, tmp_path, content, name, words):
    file = tmp_path / "a.har"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandError, match=words):
        run("import_har", str(file), "--service", name)
