"""Route templates, as a table of paths and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib.routes import MAX_ROUTE_LENGTH, infer_route, normalize_route


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/orders/9f3c2a77/items/42", "/orders/{id}/items/{id}"),
        ("/", "/"),
        ("", "/"),
        ("orders", "/orders"),
        ("//orders///7//", "/orders/{id}"),
        ("/orders/7?x=1#y", "/orders/{id}"),
        ("/orders#7", "/orders"),
        ("/users/{id}/posts/9", "/users/{id}/posts/{id}"),
        ("/Users(42)", "/{id}"),
        ("/de/Übersicht/7", "/de/Übersicht/{id}"),
        ("/a%20b/%34%32", "/a%20b/{id}"),
        ("/a\x00b/c", "/{id}/c"),
        ("/{a\x00}/c", "/{id}/c"),
    ],
)
def test_a_path_becomes_its_template(path, route):
    assert infer_route(path) == route


@pytest.mark.parametrize(
    "segment",
    [
        "42", "0", "-7", "1,2,3", "2024-01-31", "20240131T120000Z", "2024-W05", "10.0.0.1",
        "550e8400-e29b-41d4-a716-446655440000", "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA",
        "{550e8400-e29b-41d4-a716}x9", "550e8400e29b41d4a716446655440000", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "507f1f77bcf86cd799439011", "deadbeef1", "cus_NffrFeUfNV2Hib", "ord-10045", "user123",
        "dQw4w9WgXcQ", "V1StGXR8_Z5jdHi6B-myT", "a1b2c3", "xkcdqwrt", "aBcDeFgHiJkL", "main.3f2a1b9c.js",
        "bob@example.com", "bob%40example.com", "report-2024.pdf", "12345.json",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0", "x" * 65, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA",
        "+4915112345678",
    ],
)  # fmt: skip
def test_a_segment_that_was_made_is_an_id(segment):
    assert infer_route(f"/a/{segment}/b") == "/a/{id}/b"


@pytest.mark.parametrize(
    "segment",
    [
        "v1", "v2", "v10", "v1.2", "v1beta1", "v1p1beta1", "V2", "1.1", "oauth2", "oauth2callback", "s3",
        "ipv4", "ipv6", "2fa", "3d", "html5", "index.html", "sha1", "sha256", "sha-256", "md5", "utf8",
        "utf-8", "en-US", "es-419", "base64url", "k8s", "i18n", "p2p", "b2b", "e2e", "x86_64", "mp3",
        "h264", "top10", "office365", ".well-known", "openid-configuration", "jwks.json", "my-first-post",
        "getUserProfileByOrganizationId", "https", "xmlhttp", "grpc.health.v1.Health", "$metadata", "@me",
        "~bob", "feed", "facade", "health_check", "примеры", "{order_id}", "{id}.json", "graphql", "24h",
    ],
)  # fmt: skip
def test_a_word_stays_as_sent(segment):
    assert infer_route(f"/a/{segment}/b") == f"/a/{segment}/b"


def test_segments_past_the_sixteenth_become_the_rest():
    assert infer_route("/a" * 16) == "/a" * 16
    assert infer_route("/a" * 17) == "/a" * 16 + "/{rest}"


def test_a_long_template_ends_at_a_whole_segment():
    route = infer_route("/" + "/".join(["word" * 10] * 10))

    assert route == ("/" + "word" * 10) * 6 + "/{rest}"
    assert len(route) <= MAX_ROUTE_LENGTH


@given(st.text() | st.lists(st.text(max_size=70), max_size=30).map("/".join))
def test_any_text_gives_a_bounded_template_that_is_its_own_template(path):
    route = infer_route(path)

    assert route.startswith("/")
    assert len(route) <= MAX_ROUTE_LENGTH
    assert route.isprintable()
    assert infer_route(route) == route


@pytest.mark.parametrize(
    "route", ["/users/:id", "/users/<int:id>", "/users/{id}", "GET users#show", "/a/42/"]
)
def test_a_template_of_the_client_is_left_as_spelled(route):
    assert normalize_route(f" {route}\n") == route


@given(st.text(max_size=600))
def test_a_template_of_the_client_is_bounded(route):
    normalized = normalize_route(route)

    assert len(normalized) <= MAX_ROUTE_LENGTH
    assert normalized.isprintable()
    assert normalize_route(normalized) == normalized
