"""Which cookies a run keeps, and where they go."""

import pytest

from monitor.journeys.cookies import Cookies


def taken(url, *cookies):
    jar = Cookies()
    jar.take(url, [("Set-Cookie", cookie) for cookie in cookies])
    return jar


@pytest.mark.parametrize(
    ("suffix", "host", "neighbour"),
    [
        ("co.uk", "shop.co.uk", "bank.co.uk"),
        ("github.io", "a.github.io", "b.github.io"),
        ("com", "shop.com", "bank.com"),
        ("s3.amazonaws.com", "a.s3.amazonaws.com", "b.s3.amazonaws.com"),
    ],
)
def test_no_cookie_is_kept_for_all_who_have_a_name_below_a_public_suffix(suffix, host, neighbour):
    jar = taken(f"https://{host}/", f"a=1; Domain={suffix}", f"b=2; Domain=.{suffix.upper()}", "own=3")

    assert jar.of(f"https://{host}/") == {"own": "3"}
    assert jar.of(f"https://{neighbour}/") == {}


def test_a_cookie_of_a_domain_goes_to_all_of_its_names_and_to_no_others():
    jar = taken("https://www.shop.co.uk/", "a=1; Domain=shop.co.uk")

    assert jar.of("https://api.shop.co.uk/") == {"a": "1"}
    assert jar.of("https://bank.co.uk/") == {}


def test_a_cookie_that_names_no_domain_goes_to_its_own_host_alone():
    jar = taken("https://shop.example/", "a=1")

    assert jar.of("https://shop.example/cart") == {"a": "1"}
    assert jar.of("https://api.shop.example/") == {}


def test_a_server_that_is_called_as_a_suffix_is_keeps_its_own_cookie_for_itself():
    jar = taken("https://github.io/", "a=1; Domain=github.io")

    assert jar.of("https://github.io/") == {"a": "1"}
    assert jar.of("https://b.github.io/") == {}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "shop.internal.example"])
def test_names_that_are_in_no_list_are_as_they_were(host):
    assert taken(f"http://{host}/", "a=1").of(f"http://{host}/x") == {"a": "1"}
