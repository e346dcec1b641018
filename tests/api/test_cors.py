"""Callers in browsers: which origins may read an answer."""

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from apimonitor import env
from tests.factories import a_client, a_key, a_log, a_service, a_user
from tests.web import running_web_server

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"


@pytest.fixture
def listed(settings):
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    settings.CORS_URLS_REGEX = r"^/(v1|otlp)/"


def preflight(client, address, origin=SHOP, method="POST"):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(address, headers=headers, timeout=60)


@pytest.mark.parametrize("address", ["/v1/services", "/v1/logs", "/v1/logs/batch", "/otlp/v1/traces"])
def test_a_listed_origin_may_ask_and_read(listed, address):
    asked = preflight(Client(), address)

    assert asked.status_code == 200
    assert asked["Access-Control-Allow-Origin"] == SHOP
    assert "PATCH" in asked["Access-Control-Allow-Methods"]
    assert "authorization" in asked["Access-Control-Allow-Headers"]


def test_an_answer_can_be_read_with_its_headers(listed):
    answer = a_client(a_key(a_service())[1]).get("/v1/services", headers={"Origin": SHOP})

    assert answer["Access-Control-Allow-Origin"] == SHOP
    assert "X-Request-Id" in answer["Access-Control-Expose-Headers"]
    assert "origin" in answer["Vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example.evil.example",
        "null",
        "https://x:99",
    ],
)
def test_another_origin_reads_nothing(listed, origin):
    client = a_client(a_key(a_service())[1])

    assert "Access-Control-Allow-Origin" not in preflight(client, "/v1/services", origin)
    assert "Access-Control-Allow-Origin" not in client.get("/v1/services", headers={"Origin": origin})


def test_pages_and_the_admin_are_for_nobody_elsewhere(listed):
    person = a_client(user=a_user(is_superuser=True, is_staff=True))

    for address in ("/services", "/admin/", "/login", "/openapi.json"):
        assert "Access-Control-Allow-Origin" not in person.get(address, headers={"Origin": SHOP})


def test_without_a_list_no_answer_says_a_word_of_it():
    answer = a_client(a_key(a_service())[1]).get("/v1/services", headers={"Origin": SHOP})

    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_cookies_never_count_not_even_for_all_origins(settings):
    settings.CORS_ALLOW_ALL_ORIGINS = True
    settings.CORS_URLS_REGEX = r"^/v1/"

    answer = preflight(Client(), "/v1/services", "https://anywhere.example")

    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    assert settings.CORS_ALLOW_CREDENTIALS is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("https://a.example, http://127.0.0.1:5173", ["https://a.example", "http://127.0.0.1:5173"]),
        ("*", ["*"]),
    ],
    ids=["none", "two", "all"],
)
def test_the_setting_is_read(monkeypatch, value, expected):
    monkeypatch.setenv("CORS_ORIGINS", value)

    assert env.origins("CORS_ORIGINS") == expected


@pytest.mark.parametrize(
    "value", ["shop.example", "https://a.example/", "https://u@a.example", "*,https://a.example", "null"]
)
def test_a_bad_setting_stops_the_start_by_name(monkeypatch, value):
    monkeypatch.setenv("CORS_ORIGINS", value)

    with pytest.raises(ImproperlyConfigured, match="CORS_ORIGINS"):
        env.origins("CORS_ORIGINS")


@pytest.mark.django_db(transaction=True)
def test_the_lane_and_the_tail_answer_browsers_alike():
    key = a_key(a_service(), scopes=["ingest", "read"])[1]
    headers = {"Authorization": f"Bearer {key}", "Origin": SHOP}
    elsewhere = {**headers, "Origin": "https://evil.example"}
    asks = {**headers, "Access-Control-Request-Method": "POST"}

    with running_web_server(CORS_ORIGINS=SHOP) as server:
        asked = httpx.options(f"{server.address}/v1/logs", headers=asks)
        kept = httpx.post(f"{server.address}/v1/logs", json=a_log(), headers=headers, timeout=60)
        refused = httpx.post(f"{server.address}/v1/logs", json={}, headers=headers, timeout=60)
        other = httpx.post(f"{server.address}/v1/logs", json=a_log(), headers=elsewhere, timeout=60)
        with httpx.stream("GET", f"{server.address}/v1/logs/tail", headers=headers, timeout=60) as tail:
            tailed = tail.headers

    assert asked.headers["access-control-allow-origin"] == SHOP
    assert (kept.status_code, kept.headers["access-control-allow-origin"]) == (201, SHOP)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, SHOP)
    assert "access-control-allow-origin" not in other.headers
    assert tailed["access-control-allow-origin"] == SHOP
