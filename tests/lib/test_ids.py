"""UUIDv7 ids: the layout, the moment they carry, and who shares one."""

import os
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib.ids import event_uuid7, moment_of, new_uuid7, uuid7_at, uuid7_ceiling, uuid7_floor

NOON = datetime(2026, 11, 21, 12, 0, 0, 123_999, tzinfo=UTC)
milliseconds = st.integers(0, 253_402_300_799_999)
moments = st.builds(
    lambda ms, us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms, microseconds=us),
    milliseconds,
    st.integers(0, 999),
)


def test_the_example_of_the_standard_comes_out():
    """RFC 9562, appendix A.6."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    random_bits = ((0xCC3 << 62) | 0x18C4DC0C0C07398F) << 6

    assert uuid7_at(moment, random_bits=random_bits.to_bytes(10)) == UUID(
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"
    )


@given(moments, st.binary(min_size=10, max_size=32))
def test_an_id_carries_its_moment_floored_to_the_millisecond(moment, random_bits):
    made = uuid7_at(moment, random_bits=random_bits)

    assert (made.version, made.variant) == (7, RFC_4122)
    assert moment_of(made) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert uuid7_floor(moment) <= made <= uuid7_ceiling(moment)


@given(moments, moments)
def test_ids_sort_like_their_moments(one, other):
    one, other = sorted([one, other])

    assert uuid7_floor(one) <= uuid7_floor(other)
    if other - one >= timedelta(milliseconds=1):
        assert uuid7_ceiling(one) < uuid7_floor(other)


def test_all_74_bits_come_from_the_bytes_given():
    assert uuid7_at(NOON, random_bits=b"\0" * 10) == uuid7_floor(NOON)
    assert uuid7_at(NOON, random_bits=b"\xff" * 10) == uuid7_ceiling(NOON)
    assert (uuid7_floor(NOON).int ^ uuid7_ceiling(NOON).int).bit_count() == 74


def test_random_ids_of_one_moment_differ():
    assert len({uuid7_at(NOON) for _ in range(1_000)}) == 1_000


def test_a_repeated_event_has_the_same_id():
    assert event_uuid7(NOON, scope="s", event_id="e") == event_uuid7(NOON, scope="s", event_id="e")


@pytest.mark.parametrize(
    ("scope", "event_id"), [("s", "f"), ("t", "e"), ("se", ""), ("", "se"), ("s", "e\ud800")]
)
def test_another_event_or_scope_has_another_id(scope, event_id):
    assert event_uuid7(NOON, scope=scope, event_id=event_id) != event_uuid7(NOON, scope="s", event_id="e")


def test_the_id_of_an_event_does_not_change_between_releases():
    """Retries may arrive after an upgrade."""
    assert event_uuid7(NOON, scope="service:live", event_id="evt_1") == UUID(
        "01a1fdfa-467b-7f3f-a2be-c7ebd81f2738"
    )


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(1969, 12, 31, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("make", [uuid7_at, uuid7_floor, uuid7_ceiling])
def test_a_moment_that_is_not_utc_or_before_1970_is_refused(make, moment):
    with pytest.raises(ValueError, match="moment"):
        make(moment)


def test_too_few_random_bytes_are_refused():
    with pytest.raises(ValueError, match="at least 10 bytes"):
        uuid7_at(NOON, random_bits=b"short")


@pytest.mark.parametrize("other", [uuid4(), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")])
def test_an_id_without_a_readable_moment_is_refused(other):
    with pytest.raises(ValueError, match=r"UUIDv7|9999"):
        moment_of(other)


def test_new_ids_carry_the_present_and_rise():
    ids = [new_uuid7() for _ in range(10_000)]

    assert all(type(made) is UUID for made in ids)
    assert ids == sorted(set(ids))
    assert abs(moment_of(ids[0]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_forked_worker_makes_other_ids_than_its_parent():
    new_uuid7()
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        os.write(write_end, new_uuid7().bytes)
        os._exit(0)
    os.waitpid(child, 0)

    random_part = (1 << 62) - 1
    assert int.from_bytes(os.read(read_end, 16)) & random_part != new_uuid7().int & random_part
