"""The quick reader of addresses takes what the standard library takes, and nothing else."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib.ipv4 import ipv4_bytes


@given(st.ip_addresses(v=4))
def test_an_address_is_its_four_bytes(address):
    assert ipv4_bytes(str(address)) == address.packed


@pytest.mark.parametrize(
    "text",
    ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.004", "00.0.0.0", "0x7f.0.0.1", "2130706433",
     " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "1.2.3.4\x00", "1.2.3.4/8", "+1.2.3.4", "1.2..4", "::1",
     "::ffff:1.2.3.4", "1.2.3.\u0664", "\ud800"],
)  # fmt: skip
def test_what_else_is_written_is_none(text):
    assert ipv4_bytes(text) is None


@given(st.text(alphabet="0123456789.", max_size=15))
def test_it_agrees_with_the_standard_library(text):
    try:
        expected = IPv4Address(text).packed
    except ValueError:
        expected = None

    assert ipv4_bytes(text) == expected
