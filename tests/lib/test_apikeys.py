"""API keys: form, checksum, fingerprint."""

import hashlib
import re

import pytest

from monitor.lib.apikeys import KEY_PATTERN, checksum, digest, looks_valid, make_key, prefix_of


def test_the_checksum_agrees_with_the_published_vector():
    assert checksum("ap_sk_test_" + 32 * "0") == "236shf"


@pytest.mark.parametrize(("mode", "prefix"), [("live", "mkey_"), ("test", "mkey_test_")])
def test_a_new_key_has_the_form_we_promise(mode, prefix):
    key = make_key(mode)

    assert re.fullmatch(prefix + "[0-9A-Za-z]{38}", key)
    assert looks_valid(key)
    assert prefix_of(key) == key[: len(prefix) + 8]
    assert KEY_PATTERN.fullmatch(key)
    assert digest(key) == hashlib.sha256(key.encode()).digest()


def test_keys_differ():
    assert len({make_key("live") for _ in range(1_000)}) == 1_000


def test_any_single_slip_of_the_pen_is_noticed():
    key = make_key("live")
    slips = [
        key[:place] + other + key[place + 1 :]
        for place in range(5, len(key))
        for other in "0aZ"
        if other != key[place]
    ]

    assert not any(looks_valid(slip) for slip in slips)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: "",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key.upper(),
        lambda key: key.replace("mkey_", "mkey_test_"),
        lambda key: key[:5] + "\u0661" + key[6:],
        lambda key: "\ud800" * 43,
    ],
)
def test_what_is_no_key_is_refused_without_an_error(change):
    assert not looks_valid(change(make_key("live")))


def test_asking_about_what_is_no_key_does_not_repeat_it_in_the_error():
    with pytest.raises(ValueError, match="not an API key") as raised:
        prefix_of("mkey_almost_a_secret")

    assert "almost" not in str(raised.value)
