"""Arrays as bytes, against what PostgreSQL makes of them."""

import struct
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from monitor.lib import pgarrays

pytestmark = pytest.mark.django_db
AN_ID = UUID("018f1e2d-3c4b-7a59-8877-665544332211")


def read_back(array: pgarrays.Array, type_: str):
    """The array as PostgreSQL understands it, and the type that it took it for."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute("SELECT %(array)b, pg_typeof(%(array)b)::text", {"array": array})
        values, taken_for = cursor.fetchone()
    assert taken_for == type_
    return values


@pytest.mark.parametrize(
    ("pack", "type_", "values"),
    [
        (pgarrays.uuids, "uuid[]", [AN_ID, None, UUID(int=0)]),
        (pgarrays.texts, "text[]", ["", "plain", None, 'a "quoted" \\ text', "é\U0001f600", "{}", "NULL"]),
        (pgarrays.words, "text[]", ["GET", None, "", "GET", "", None, "é\U0001f600"]),
        (pgarrays.blobs, "bytea[]", [b"", b"\x00\xff", b"x" * 70_000]),
        (pgarrays.int2s, "smallint[]", [0, -1, None, 32_767, -32_768]),
        (pgarrays.int4s, "integer[]", [0, -1, None, 2**31 - 1, -(2**31)]),
        (pgarrays.int8s, "bigint[]", [0, -1, None, 2**63 - 1, -(2**63)]),
        (pgarrays.float8s, "double precision[]", [0.0, -0.5, None, 1e300, 0.1]),
        (
            pgarrays.moments,
            "timestamp with time zone[]",
            [
                datetime(2026, 11, 21, 23, 59, 59, 999_999, tzinfo=UTC),
                datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                datetime(2000, 1, 1, tzinfo=UTC),
                datetime(2026, 11, 21, 23, 59, 59, 999_999, tzinfo=UTC),
            ],
        ),
        (pgarrays.days, "date[]", [date(2026, 11, 21), date(1999, 12, 31), date(1, 1, 1)]),
    ],
)
def test_postgres_reads_the_values_that_were_packed(pack, type_, values):
    assert read_back(pack(values), type_) == values
    assert read_back(pack([]), type_) == []


def test_addresses_of_both_families_are_read_and_a_zone_is_left_out():
    texts = ["192.0.2.7", None, "", "2001:db8::1", "fe80::1%eth0"]

    read = read_back(pgarrays.addresses(texts), "inet[]")

    assert read == ["192.0.2.7", None, None, "2001:db8::1", "fe80::1"]


@pytest.mark.parametrize("values", [[], ["v2"], ["", " ", 'a"b', "a\\b", "{a,b}", "NULL", "é", "a\nb"]])
def test_a_literal_holds_the_values_whatever_they_are(values):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::varchar[]", [pgarrays.array_literal(values)])
        assert cursor.fetchone() == (values,)


def test_a_number_that_is_too_large_is_refused_before_it_is_sent():
    with pytest.raises(struct.error):
        pgarrays.int2s([40_000])
