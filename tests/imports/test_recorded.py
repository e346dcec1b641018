"""HAR files that Chromium and mitmproxy have really written, imported and read back by API."""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from tests.factories import a_client, a_key, a_service
from tests.ingest.test_secrets import everything_stored

pytestmark = pytest.mark.django_db
RECORDED = Path(__file__).with_name("recorded")
WRITERS = ["chromium", "chromium-sanitized", "mitmproxy"]
# What the page asked for and was answered: recorded/shop.py.
VISIT = Counter(
    {
        ("GET", "/", 200): 1,
        ("GET", "/logo.png", 200): 1,
        ("GET", "/orders", 200): 1,
        ("POST", "/orders", 201): 1,
        ("POST", "/login", 200): 1,
        ("POST", "/photos", 201): 1,
        ("GET", "/old", 302): 1,
        ("GET", "/new", 200): 1,
        ("GET", "/slow", 200): 1,
        ("GET", "/latin", 200): 1,
        ("GET", "/nowhere", 404): 1,
        ("GET", "/boom", 500): 1,
        ("DELETE", "/orders/7", 204): 1,
        ("GET", "/hangs-up", None): 1,
    }
)


@pytest.fixture
def api():
    return a_client(a_key(a_service(), scopes=["ingest", "read"])[1])


def recorded(writer, *, begins_at):
    """The file as if it had been recorded then: services refuse what is older than they keep logs."""
    file = json.loads((RECORDED / f"{writer}.har").read_text())
    entries = file["log"]["entries"]
    moments = [datetime.fromisoformat(entry["startedDateTime"]) for entry in entries]
    for entry, moment in zip(entries, moments, strict=True):
        entry["startedDateTime"] = (begins_at + (moment - min(moments))).isoformat()
    return file


def bring(api, file):
    return api.post("/v1/import/har", json.dumps(file), content_type="application/json")


def an_hour_ago():
    return (timezone.now() - timedelta(hours=1)).replace(microsecond=0)


def details(api):
    """Each log by method and path, as GET /v1/logs/{id} tells it."""
    found = api.get("/v1/logs", {"limit": 100}).json()
    return {
        (log["method"], urlsplit(log["url"]).path): api.get(f"/v1/logs/{log['id']}").json() for log in found
    }


@pytest.mark.parametrize("writer", WRITERS)
def test_every_request_of_the_visit_is_a_log_with_its_answer_and_its_moment(api, writer):
    begun = an_hour_ago()
    file = recorded(writer, begins_at=begun)

    answer = bring(api, file)

    assert (answer.status_code, answer.json()["new"], answer.json()["rejected"]) == (201, 14, 0)
    logs = api.get("/v1/logs", {"limit": 100}).json()
    assert Counter((log["method"], log["path"], log["status_code"]) for log in logs) == VISIT
    assert api.get("/v1/metrics").json()["total_requests"] == 14
    asked = Counter(datetime.fromisoformat(entry["startedDateTime"]) for entry in file["log"]["entries"])
    assert Counter(datetime.fromisoformat(log["captured_at"]) for log in logs) == asked
    (slow,) = [log for log in logs if log["path"] == "/slow"]
    assert 300 <= slow["latency_ms"] < 1000
    # The server dropped this one, and the browser is wrong about the 204: that is a whole answer.
    errors = {log["path"]: log["error"] for log in logs if log["error"]}
    said = "server closed connection" if writer == "mitmproxy" else "net::ERR_EMPTY_RESPONSE"
    assert errors == {"/hangs-up": said}


@pytest.mark.parametrize("writer", WRITERS)
def test_bodies_are_as_they_were_read_whatever_the_writer_made_of_them(api, writer):
    bring(api, recorded(writer, begins_at=an_hour_ago()))

    told = details(api)

    # Compressed on the way, decoded in the file.
    orders = told["GET", "/orders"]
    assert [each["item"] for each in json.loads(orders["response_body"])] == ["Zoë's pen"] * 20
    assert orders["response_bytes"] == 670
    assert orders["query_params"]["page"] == ["2", "3"]
    # In base64 with one writer, in another character set with the other.
    assert told["GET", "/latin"]["response_body"] == "Zoë"
    logo = told["GET", "/logo.png"]
    assert (logo["response_body"], logo["response_bytes"]) == (None, 69)
    assert "response_body=binary" in logo["tags"]
    photo = told["POST", "/photos"]["request_body"]
    assert "for Zoë" in photo
    assert 'filename="p.jpg"' in photo
    assert told["GET", "/new"]["response_body"] == "moved"
    assert told["DELETE", "/orders/7"]["response_body"] in (None, "")
    assert told["GET", "/boom"]["response_body"] == '{"detail": "boom"}'


@pytest.mark.parametrize("writer", WRITERS)
def test_secrets_of_a_recording_reach_nobody(api, writer):
    file = recorded(writer, begins_at=an_hour_ago())

    bring(api, file)

    told = details(api)
    order = told["POST", "/orders"]
    assert json.loads(order["request_body"]) == {"item": "Zoë's pen", "password": "***MASKED***"}
    assert told["POST", "/login"]["request_body"] == "user=zo%C3%AB&password=***MASKED***"
    assert json.loads(told["POST", "/login"]["response_body"]) == {"token": "***MASKED***"}
    # Cleaned of headers, it still held the secrets in addresses and bodies.
    sent_secret = order["request_headers"].get("Authorization")
    assert sent_secret == (None if writer == "chromium-sanitized" else "***MASKED***")
    stored = everything_stored()
    for secret in ("hunter2", *(f"tok-secret-{number}" for number in range(1, 5))):
        if secret not in ("tok-secret-2", "tok-secret-4") or writer != "chromium-sanitized":
            assert secret in json.dumps(file)
        assert secret not in stored


def test_the_cleaned_export_of_a_visit_adds_nothing_to_the_full_one(api):
    begun = an_hour_ago()
    bring(api, recorded("chromium", begins_at=begun))

    again = bring(api, recorded("chromium-sanitized", begins_at=begun)).json()

    assert (again["accepted"], again["new"], again["known"]) == (14, 0, 14)
    assert len(api.get("/v1/logs", {"limit": 100}).json()) == 14
