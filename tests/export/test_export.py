"""Exports as people use them: opened in a spreadsheet, sent back, read by the network panel."""

import csv
import json
import time
from datetime import timedelta
from io import StringIO

import httpx
import jsonschema
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from monitor.export import streaming, walking
from monitor.export.as_ndjson import Ndjson
from monitor.models import RequestLog
from monitor.search import Window
from monitor.search.finding import Search
from tests.export.har_schema import HAR
from tests.factories import a_key, a_log, a_service, a_user, keep_logs, rfc3339

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service(name="shop", base_url="https://shop.example")


@pytest.fixture
def reader(service):
    client = Client()
    client.force_login(a_user(service.organization))
    return client


def export(reader, **params):
    answer = reader.get("/v1/logs/export", params)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


def a_full_log(**fields):
    return a_log(
        url="https://shop.example/orders?token=abc&page=2",
        path="/orders",
        query_params={"page": "2", "token": "abc", "deep": {"a": [1, None]}},
        request_headers={
            "Authorization": "Bearer x",
            "Content-Type": "application/json",
            "X-Many": ["a", "b"],
        },
        request_body='{"password": "hunter2", "name": "Zoë"}',
        response_headers={"Content-Type": "text/plain"},
        response_body="late\nline",
        error="boom " + "x" * 3000,
        source_ip="10.0.0.1",
        tags=["a", "b"],
        consumer="acme",
        environment="prod",
        trace_id="t1",
        **fields,
    )


def test_every_match_comes_once_newest_first_whatever_the_size_of_a_page(reader, service, monkeypatch):
    monkeypatch.setattr(walking, "PAGE", 3)
    now = timezone.now()
    logs = [
        a_log(path=f"/{number}", timestamp=rfc3339(now - timedelta(hours=7 * number))) for number in range(20)
    ]
    keep_logs(service, *logs, a_log(path="/other", method="PUT"))
    keep_logs(a_service(), a_log(path="/foreign"))

    rows = list(csv.DictReader(StringIO(export(reader, format="csv", method="GET"), newline="")))

    assert [row["path"] for row in rows] == [f"/{number}" for number in range(20)]
    assert rows[0]["service"] == "shop"


def test_an_export_of_nothing_is_still_a_file_of_its_format(reader):
    assert export(reader, format="csv").count("\r\n") == 1
    assert export(reader, format="ndjson") == ""
    assert json.loads(export(reader, format="har"))["log"]["entries"] == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r\n=1"])
def test_no_cell_is_a_formula_and_what_cells_hold_survives(reader, service, text):
    keep_logs(service, a_log(error=text, path='/a,"b"\n', latency_ms=0.5))

    (row,) = csv.DictReader(StringIO(export(reader, format="csv"), newline=""))

    assert row["error"] == f"'{text}"
    assert row["path"] == '/a,"b"\n'
    assert row["latency_ms"] == "0.5"


def test_masked_values_stay_masked_and_bodies_come_only_when_asked_for(reader, service):
    keep_logs(service, a_full_log())

    for form in ("csv", "ndjson", "har"):
        bare, full = export(reader, format=form), export(reader, format=form, bodies="true")
        assert "hunter2" not in bare + full
        assert "token=abc" not in bare + full
        assert "Zoë" not in bare
        assert ("Zoë" in full) == (form != "csv")


def test_ndjson_sent_back_to_its_service_changes_nothing_and_to_an_empty_one_brings_all_back(service, reader):
    _, key = a_key(service)
    now = timezone.now()
    keep_logs(service, a_full_log(), a_full_log(event_id="own", timestamp=rfc3339(now)), a_log(event_id="x"))
    before = list(RequestLog.objects.values())
    file = export(reader, format="ndjson", bodies="true")

    answer = post_back(reader, file, key)
    doubled = RequestLog.objects.count() - len(before)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM request_log; DELETE FROM log_payload")
    post_back(reader, file, key)

    assert (answer.status_code, doubled) == (201, 0)
    assert sorted(map(str, answer.json()["ids"])) == sorted(str(row["id"]) for row in before)
    assert export(reader, format="ndjson", bodies="true") == file


def test_ndjson_sent_to_another_service_is_copied_once(service, reader):
    keep_logs(service, a_log(), a_log(event_id="own", timestamp=rfc3339(timezone.now())))
    other = a_service(service.organization)
    file = export(reader, format="ndjson")

    for _ in range(2):
        post_back(reader, file, a_key(other)[1])

    assert RequestLog.objects.filter(service=other).count() == 2
    assert RequestLog.objects.filter(service=service).count() == 2


def post_back(reader, file, key):
    return reader.post(
        "/v1/logs/batch",
        file.encode(),
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {key}"},
    )


def test_har_is_valid_whatever_was_reported(reader, service):
    keep_logs(
        service,
        a_full_log(),
        a_log(url="/orders?a=1&a=2", status_code=None, latency_ms=None),
        a_log(url="https://shop.example/a b/ü?x=|", status_code=799, response_body=""),
        a_log(url="https://[broken", request_headers={"Content-Type": ["a", "b"]}, request_body=""),
    )

    har = json.loads(export(reader, format="har", bodies="true"))

    jsonschema.validate(har, HAR, format_checker=jsonschema.FormatChecker())
    entries = har["log"]["entries"]
    whole = next(entry for entry in entries if entry["request"].get("postData", {}).get("text"))
    assert json.loads(whole["request"]["postData"]["text"]) == {"password": "***MASKED***", "name": "Zoë"}
    assert whole["response"]["content"]["text"] == "late\nline"
    assert {"name": "X-Many", "value": "b"} in whole["request"]["headers"]
    assert {entry["request"]["url"] for entry in entries} >= {
        "https://shop.example/orders?a=1&a=2",
        "https://shop.example/a%20b/%C3%BC?x=%7C",
    }


def test_a_bad_filter_format_or_switch_is_a_problem_and_no_file(reader):
    for params in ({"format": "xlsx"}, {"bodies": "maybe"}, {"q": "statsu:5"}):
        answer = reader.get("/v1/logs/export", params)
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


def test_more_exports_than_may_go_on_at_once_are_asked_to_come_back(reader, service, monkeypatch):
    monkeypatch.setattr(streaming, "places", streaming.Places(1))
    first = reader.get("/v1/logs/export")

    second = reader.get("/v1/logs/export")
    b"".join(first.streaming_content)

    assert (second.status_code, second["Retry-After"]) == (503, "10")
    assert export(reader) == ""


def test_an_export_that_nobody_began_to_read_gives_its_place_back(service, monkeypatch):
    monkeypatch.setattr(streaming, "places", streaming.Places(1))
    search = Search(logs=RequestLog.objects.none(), window=Window.of(None, None, now=timezone.now()))

    for _ in range(2):
        streaming.ExportStream(search, Ndjson(), bodies=False).close()


def test_the_page_offers_all_it_shows_as_files(reader, service):
    keep_logs(service, a_log())

    page = reader.get("/dashboard?path=orders&live=1").content.decode()

    assert 'href="/v1/logs/export?path=orders&amp;since=' in page
    assert "&amp;format=har&amp;bodies=true" in page


@pytest.mark.django_db(transaction=True)
def test_an_export_whose_reader_leaves_ends_and_gives_its_place_back(web_server):
    """Its thread is free for others at once, and its connection does nothing any more."""
    service = a_service()
    _, key = a_key(service, scopes=["read"])
    headers = {"Authorization": f"Bearer {key}"}
    keep_logs(service, *(a_log(response_body="x" * 60_000) for _ in range(600)))
    address = f"{web_server}/v1/logs/export?bodies=true"

    def begin_and_leave():
        with httpx.Client(headers=headers, timeout=60) as client, client.stream("GET", address) as answer:
            next(answer.iter_bytes())
        return answer.status_code

    # As many as may go on at once, and again, so each must have ended: a moment later, as the server hears.
    for _ in range(6):
        until = time.monotonic() + 30
        while (status := begin_and_leave()) == 503 and time.monotonic() < until:
            time.sleep(0.1)
        assert status == 200
    whole = httpx.get(address, headers=headers, timeout=60)
    while whole.status_code == 503 and time.monotonic() < until:
        time.sleep(0.1)
        whole = httpx.get(address, headers=headers, timeout=60)

    assert len(whole.text.splitlines()) == 600
