"""What is kept of bodies: cut to the limit and marked, or dropped where a service asks for it."""

import pytest

from tests.factories import a_client, a_key, a_log, a_service, post_json

pytestmark = pytest.mark.usefixtures("door")


def read_back(sender, log):
    made = post_json(sender, "/v1/logs", log)
    assert made.status_code == 201
    return sender.get(f"/v1/logs/{made.json()['id']}").json()


def test_a_body_of_the_limit_is_kept_whole(sender, settings):
    kept = read_back(sender, a_log(request_body="x" * settings.MAX_BODY_BYTES))

    assert len(kept["request_body"]) == settings.MAX_BODY_BYTES == 65536
    assert kept["request_truncated"] is False
    assert kept["request_bytes"] == 65536


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_longer_body_is_cut_marked_and_its_size_remembered(sender, settings, side):
    kept = read_back(sender, a_log(**{f"{side}_body": "x" * 100_000}))

    assert kept[f"{side}_body"] == "x" * settings.MAX_BODY_BYTES
    assert kept[f"{side}_truncated"] is True
    assert kept[f"{side}_bytes"] == 100_000


def test_a_cut_never_splits_a_character(sender, settings):
    settings.MAX_BODY_BYTES = 10

    kept = read_back(sender, a_log(request_body="aaaaaaa😀b", response_body="ééééééé"))

    assert kept["request_body"] == "aaaaaaa"
    assert kept["response_body"] == "ééééé"
    assert kept["request_bytes"] == 12
    assert kept["request_truncated"] is kept["response_truncated"] is True


@pytest.mark.parametrize(
    ("keep_bodies", "status_code", "error", "kept"),
    [
        ("all", 200, None, True),
        ("errors", 200, None, False),
        ("errors", 499, None, False),
        ("errors", 500, None, True),
        ("errors", None, None, False),
        ("errors", 200, "broke", True),
        ("none", 500, "broke", False),
        ("none", 200, None, False),
    ],
)
def test_a_service_says_which_bodies_are_kept(db, keep_bodies, status_code, error, kept):
    client = a_client(a_key(a_service(keep_bodies=keep_bodies))[1])
    log = a_log(
        status_code=status_code,
        error=error,
        request_body="in",
        response_body="out",
        request_headers={"Accept": "*/*"},
    )

    found = read_back(client, log)

    assert (found["request_body"], found["response_body"]) == (("in", "out") if kept else (None, None))
    assert found["request_headers"] == {"Accept": "*/*"}
    assert (found["request_bytes"], found["response_bytes"]) == (2, 3)
    assert found["request_truncated"] is found["response_truncated"] is False


def test_a_long_error_is_short_in_lists_and_whole_in_detail(sender):
    kept = read_back(sender, a_log(error="e" * 5000))

    assert kept["error"] == "e" * 5000
    assert sender.get("/v1/logs").json()[0]["error"] == "e" * 2048
