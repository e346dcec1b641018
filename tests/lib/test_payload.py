"""The packed form of headers and bodies."""

import threading

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib import payload
from monitor.lib.payload import (
    PLAIN_JSON,
    ZSTD_JSON,
    ZSTD_JSON_BY_DICTIONARY,
    Dictionary,
    PayloadCorrupt,
    PayloadTooLarge,
    pack,
    unpack,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["request_body", "response_headers", "ü"]), json_values))
def test_what_was_packed_comes_back(content):
    assert unpack(pack(content)) == content


def test_integers_of_any_size_come_back():
    assert unpack(pack({"n": 10**40})) == {"n": 10**40}


def test_a_small_payload_is_stored_as_it_is_and_a_larger_one_compressed():
    small, large = pack({"a": "b"}), pack({"a": "b" * 10_000})

    assert small == PLAIN_JSON + b'{"a":"b"}'
    assert large[:1] == ZSTD_JSON
    assert len(large) < 100


def test_a_memoryview_from_the_driver_is_understood():
    assert unpack(memoryview(pack({"a": 1}))) == {"a": 1}


def test_a_payload_too_large_to_unpack_is_not_packed():
    with pytest.raises(PayloadTooLarge):
        pack({"a": "b" * payload.MAX_UNPACKED_BYTES})


def test_a_bomb_is_refused_before_it_unfolds():
    bomb = zstandard.ZstdCompressor().compress(b" " * (payload.MAX_UNPACKED_BYTES + 1))

    with pytest.raises(PayloadTooLarge):
        unpack(ZSTD_JSON + bomb)


def test_a_frame_that_hides_its_size_is_refused():
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"{}" + b" " * 1_000_000)

    with pytest.raises(PayloadCorrupt):
        unpack(ZSTD_JSON + frame)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x03{}",
        ZSTD_JSON_BY_DICTIONARY,
        ZSTD_JSON_BY_DICTIONARY + bytes(4) + b"of no dictionary",
        PLAIN_JSON,
        PLAIN_JSON + b"[1]",
        PLAIN_JSON + b'{"a":',
        PLAIN_JSON + b"\xff",
        PLAIN_JSON + b'{"a":' * 100_000,
        ZSTD_JSON,
        ZSTD_JSON + b"not zstd at all",
        pack({"a": "b" * 1_000})[:-3],
        pack({"a": "b" * 1_000}) + b"more",
    ],
)
def test_damaged_bytes_are_named_as_such(packed):
    with pytest.raises(PayloadCorrupt):
        unpack(packed)


def test_text_that_is_not_unicode_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        pack({"a": "\ud800"})


def test_threads_do_not_mix_their_payloads():
    wrong: list[dict] = []

    def work(number: int) -> None:
        content = {"number": number, "text": f"{number} " * 5_000}
        wrong.extend(content for _ in range(200) if unpack(pack(content)) != content)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_rows_of_earlier_releases_stay_readable():
    compressed = zstandard.ZstdCompressor().compress(msgspec.json.encode({"request_body": "x"}))

    assert unpack(b"\x00" + b'{"request_body":"x"}') == {"request_body": "x"}
    assert unpack(b"\x01" + compressed) == {"request_body": "x"}


COMMON = b'{"request_headers":{"accept":"application/json","content-type":"application/json"},"request_body":'


def a_dictionary(number: int = 7) -> Dictionary:
    return Dictionary(number, COMMON)


def content_like(word: str) -> dict:
    headers = {"accept": "application/json", "content-type": "application/json"}
    return {"request_headers": headers, "request_body": word}


def test_what_was_packed_by_a_dictionary_comes_back_with_the_same_one_and_takes_less():
    dictionary = a_dictionary()
    packed = pack(content_like("x"), dictionary)

    asked: list[int] = []
    again = unpack(packed, lambda number: asked.append(number) or a_dictionary(number))

    assert again == content_like("x")
    assert asked == [7]
    assert len(packed) < len(pack(content_like("x"))) / 2


def test_a_payload_whose_dictionary_is_gone_or_another_is_damaged():
    packed = pack(content_like("x" * 500), a_dictionary())
    another = Dictionary(7, b"nothing of this stands in any of the payloads that are read here, not a word")

    with pytest.raises(PayloadCorrupt, match="dictionary 7"):
        unpack(packed, lambda number: None)
    with pytest.raises(PayloadCorrupt):
        unpack(packed, lambda number: another)


def test_a_bomb_by_a_dictionary_is_refused_before_it_unfolds():
    dictionary = a_dictionary()
    bomb = dictionary.codec.compressor.compress(b" " * (payload.MAX_UNPACKED_BYTES + 1))

    with pytest.raises(PayloadTooLarge):
        unpack(dictionary.head + bomb, lambda number: dictionary)


def test_threads_share_a_dictionary_and_do_not_mix_their_payloads():
    dictionary = a_dictionary()
    wrong: list[dict] = []

    def work(number: int) -> None:
        content = content_like(f"{number} " * 2_000)
        packed = (pack(content, dictionary) for _ in range(200))
        wrong.extend(content for each in packed if unpack(each, lambda _: dictionary) != content)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
