"""What goes out when a kept request is sent again."""

from typing import Any

import pytest

from monitor.models import RequestLog, Service
from monitor.replay.prepare import Overrides, ReplayRefused, TargetNotAllowed, prepare
from monitor.search import LogDetail

MASK = "***MASKED***"


def a_detail(
    url: str = "https://shop.example/orders?page=2", method: str = "GET", **contents: Any
) -> LogDetail:
    return LogDetail(log=RequestLog(method=method, url=url, path="/orders"), error=None, **contents)


def a_shop(**fields: Any) -> Service:
    return Service(name="shop", **{"base_url": "https://shop.example", **fields})


def prepared(detail: LogDetail, service: Service | None = None, **overrides: Any) -> Any:
    return prepare(detail, Overrides(**overrides), service=service or a_shop())


def test_the_original_goes_out_as_it_was_kept():
    outgoing = prepared(
        a_detail(
            method="PUT",
            request_headers={"Content-Type": "application/json", "Accept": ["a/b", "c/d"]},
            request_body='{"n": 1.10}',
        )
    )

    assert (outgoing.method, outgoing.url) == ("PUT", "https://shop.example/orders?page=2")
    assert outgoing.headers == [("Content-Type", "application/json"), ("Accept", "a/b"), ("Accept", "c/d")]
    assert outgoing.body == '{"n": 1.10}'
    assert (outgoing.omitted_headers, outgoing.omitted_params) == ([], [])


def test_masked_headers_and_query_values_stay_behind_and_are_listed():
    outgoing = prepared(
        a_detail(
            f"https://{MASK}@shop.example/orders?page=2&token={MASK}&x=1",
            request_headers={"Authorization": MASK, "X-Trace": "1", "Set-Thing": ["a", MASK]},
        )
    )

    assert outgoing.url == "https://shop.example/orders?page=2&x=1"
    assert outgoing.headers == [("X-Trace", "1")]
    assert outgoing.omitted_headers == ["Authorization", "Set-Thing"]
    assert outgoing.omitted_params == ["token", "user info"]


def test_a_masked_header_that_is_given_anew_is_sent_and_not_listed():
    outgoing = prepared(
        a_detail(request_headers={"Authorization": MASK}), headers={"authorization": "Bearer fresh"}
    )

    assert outgoing.headers == [("authorization", "Bearer fresh")]
    assert outgoing.omitted_headers == []


def test_an_override_of_none_leaves_the_header_out():
    outgoing = prepared(a_detail(request_headers={"X-A": "1", "X-B": "2"}), headers={"x-a": None})

    assert outgoing.headers == [("X-B", "2")]
    assert outgoing.omitted_headers == []


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Upgrade", "X-Per-Hop"],
)
def test_headers_of_the_connection_are_made_afresh(name: str):
    outgoing = prepared(
        a_detail(request_headers={"Connection": "close, X-Per-Hop", name: "something", "X-Kept": "1"})
    )

    assert name.lower() not in {each.lower() for each, _ in outgoing.headers}
    assert ("X-Kept", "1") in outgoing.headers


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ({"request_body": f'{{"password": "{MASK}"}}'}, "masked"),
        ({"request_body": "cut her", "request_truncated": True}, "cut"),
        ({"request_body_dropped": True}, "keeps no bodies"),
    ],
)
def test_a_body_that_is_not_what_was_sent_must_be_given(contents: dict[str, Any], why: str):
    detail = a_detail(method="POST", **contents)

    with pytest.raises(ReplayRefused, match=why) as refused:
        prepared(detail)
    assert refused.value.field == "override_body"
    assert prepared(detail, body="").body == ""
    assert prepared(detail, body="given").body == "given"


def test_a_query_that_was_reported_beside_the_url_is_sent_with_it():
    detail = a_detail(
        "https://shop.example/orders", query_params={"page": 2, "tag": ["a", "b"], "token": MASK}
    )

    outgoing = prepared(detail)

    assert outgoing.url == "https://shop.example/orders?page=2&tag=a&tag=b"
    assert outgoing.omitted_params == ["token"]


def test_a_url_without_a_host_hangs_on_the_base_url():
    assert prepared(a_detail("/orders?page=2")).url == "https://shop.example/orders?page=2"


def test_characters_that_a_sender_left_unescaped_are_escaped():
    assert prepared(a_detail("https://shop.example/käse und?q=ä")).url == (
        "https://shop.example/k%C3%A4se%20und?q=%C3%A4"
    )


def test_a_masked_path_needs_another_url():
    with pytest.raises(ReplayRefused) as refused:
        prepared(a_detail(f"https://shop.example/cart;jsessionid={MASK}"))
    assert refused.value.field == "override_url"


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://shop.example/other", a_shop()),
        ("https://shop.example:443/", a_shop()),
        ("https://SHOP.example/", a_shop()),
        ("https://staging.shop.example:8443/x", a_shop(replay_origins=["https://staging.shop.example:8443"])),
    ],
)
def test_the_service_s_own_origins_are_allowed(url: str, service: Service):
    assert prepared(a_detail(), service, url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "https://shop.example:444/",
        "https://shop.example.evil.example/",
        "https://evil.example/?https://shop.example",
        "http://127.0.0.1:8090/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_any_other_origin_is_refused_and_the_field_named(url: str):
    with pytest.raises(TargetNotAllowed) as refused:
        prepared(a_detail(), url=url)
    assert refused.value.field == "override_url"


def test_the_original_s_own_origin_is_no_permission():
    with pytest.raises(TargetNotAllowed) as refused:
        prepared(a_detail("https://elsewhere.example/orders"))
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9000/", True),
        ("http://localhost:9000/", True),
        ("http://[::1]:9000/", True),
        ("http://10.0.0.1/", False),
        ("http://localhost.evil.example/", False),
    ],
)
def test_the_quick_start_may_call_this_machine(settings: Any, url: str, allowed: bool):
    settings.QUICK_START = True
    if allowed:
        assert prepared(a_detail(), url=url).url == url
    else:
        with pytest.raises(TargetNotAllowed):
            prepared(a_detail(), url=url)


@pytest.mark.parametrize(
    "url", ["ftp://shop.example/", "https://user:pw@shop.example/", "https://shop.example/#x", "nonsense"]
)
def test_a_url_that_cannot_be_called_is_refused(url: str):
    with pytest.raises(ReplayRefused) as refused:
        prepared(a_detail(), a_shop(base_url=""), url=url)
    assert refused.value.field == "override_url"
