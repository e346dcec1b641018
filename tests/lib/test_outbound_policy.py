"""Which addresses, networks and URLs may be called."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib.outbound import (
    BLOCKED_MESSAGE,
    OutboundError,
    OutboundPolicy,
    UnusableUrl,
    origin_of,
    parse_allow_list,
    parse_url,
    vet,
    vet_all,
)

PUBLIC_ONLY = OutboundPolicy()
METADATA = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"]


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450::5"]
)
def test_a_public_address_may_be_called(address):
    assert vet(address, PUBLIC_ONLY) == address


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.1.1",
        "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.31.196.1", "192.52.193.1",
        "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:100.64.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1",
        "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", *METADATA,
    ],
)  # fmt: skip
def test_any_other_address_is_refused_in_the_same_words(address):
    with pytest.raises(OutboundError) as raised:
        vet(address, PUBLIC_ONLY)

    assert (raised.value.error_class, raised.value.retryable) == ("blocked", False)
    assert str(raised.value) == BLOCKED_MESSAGE


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_when_mapped_into_ipv6(address):
    def verdict(text):
        try:
            return vet(text, PUBLIC_ONLY)
        except OutboundError:
            return None

    assert verdict(f"::ffff:{address}") == verdict(str(address))


def test_one_bad_address_among_good_ones_refuses_all():
    assert vet_all(["1.1.1.1", "1.0.0.1", "1.1.1.1"], PUBLIC_ONLY) == ("1.1.1.1", "1.0.0.1")
    with pytest.raises(OutboundError):
        vet_all(["1.1.1.1", "10.0.0.1"], PUBLIC_ONLY)


def test_networks_of_the_operator_are_allowed_and_no_others():
    policy = OutboundPolicy(
        allow=parse_allow_list("10.1.0.0/16, fd12::/16 192.168.1.7\n::ffff:172.16.0.0/108")
    )

    assert vet("10.1.2.3", policy) == "10.1.2.3"
    assert vet("::ffff:10.1.2.3", policy) == "10.1.2.3"
    assert vet("fd12::1", policy) == "fd12::1"
    assert vet("192.168.1.7", policy) == "192.168.1.7"
    assert vet("172.16.0.1", policy) == "172.16.0.1"
    for other in ("10.2.0.1", "fd13::1", "192.168.1.8", "127.0.0.1", "fe80::1"):
        with pytest.raises(OutboundError):
            vet(other, policy)


def test_loopback_is_allowed_only_where_asked_for():
    policy = OutboundPolicy(allow_loopback=True)

    assert [vet(address, policy) for address in ("127.0.0.1", "127.8.8.8", "::1")] == [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
    ]
    for other in ("0.0.0.1", "10.0.0.1", "::"):
        with pytest.raises(OutboundError):
            vet(other, policy)


@pytest.mark.parametrize(
    "address", [*METADATA, "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "::169.254.169.254", "64:ff9b:1::6464:64c8"],
)  # fmt: skip
def test_a_metadata_address_is_refused_even_where_everything_is_allowed(address):
    everything = OutboundPolicy(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")), allow_loopback=True)

    with pytest.raises(OutboundError):
        vet(address, everything)


@pytest.mark.parametrize(
    "entry",
    ["169.254.0.0/16", "169.254.169.254", "169.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "100.64.0.0/10",
     "168.63.129.16/32", "::ffff:169.254.0.0/112"],
)  # fmt: skip
def test_an_allow_list_that_covers_metadata_is_refused_by_name(entry):
    with pytest.raises(ValueError, match="covers the cloud metadata address") as raised:
        parse_allow_list(f"10.0.0.0/8, {entry}")

    assert repr(entry) in str(raised.value)


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/33", "intranet", "10.0.0"])
def test_an_allow_list_entry_that_is_no_network_is_refused_by_name(entry):
    with pytest.raises(ValueError, match="is not a network") as raised:
        parse_allow_list(entry)

    assert repr(entry) in str(raised.value)


def test_an_empty_allow_list_allows_nothing():
    assert parse_allow_list(" ,\n") == ()


# URLs


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "origin"),
    [
        ("https://example.com", "example.com", 443, "/", "https://example.com:443"),
        ("HTTP://Example.COM:80/a?b=%20&c[]=1", "example.com", 80, "/a?b=%20&c[]=1", "http://example.com:80"),
        ("https://example.com:8443/a/../b?", "example.com", 8443, "/b?", "https://example.com:8443"),
        ("http://[0:0:0:0:0:0:0:1]:81/", "::1", 81, "/", "http://[::1]:81"),
        ("http://127.1/", "127.1", 80, "/", "http://127.1:80"),
        ("http://my_host./", "my_host.", 80, "/", "http://my_host.:80"),
    ],
)
def test_a_url_is_taken_apart_once(url, host, port, target, origin):
    parsed = parse_url(url)

    assert (parsed.host, parsed.port, parsed.target, parsed.origin) == (host, port, target, origin)
    assert origin_of(url) == origin
    assert parse_url(str(parsed)) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "/a", "ftp://example.com", "file:///etc/passwd", "gopher://h",
        "http:/h", "http://", "http:///a", "http://?a", "http://:80/", "http://user@h/",
        "http://user:pw@h/", "http://h@127.0.0.1/", "http://h#@127.0.0.1/", "http://h/#f",
        "http://h\\@127.0.0.1/", "http://h /", "http://h/a b", " http://h/", "http://h/\r\nX: y",
        "http://h/\x00", "http://h\t/", "http://①②⑦.⓪.⓪.①/", "http://bücher.de/", "http://h/ü",
        "http://h:0/", "http://h:65536/", "http://h:+80/", "http://h:8_0/", "http://h:80:81/",
        "http://h:/a:b@c/", "http://[::1/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
        "http://[v1.x]/", "http://h%2f/", "http://127.0.0.1%00.example.com/", "http://h,i/",
        "http://999.1.1.1/", "http://0177.0.0.1/", 'http://h/"', "http://h/<a>", "http://h/`",
        "http://h/" + "a" * 8_192,
    ],
)  # fmt: skip
def test_an_unclear_url_is_refused(url):
    with pytest.raises(UnusableUrl) as raised:
        parse_url(url)

    assert "pw" not in str(raised.value)


def test_the_length_limit_is_the_callers():
    assert parse_url("http://h/" + "a" * 91, max_length=100).host == "h"
    with pytest.raises(UnusableUrl, match="longer than 100"):
        parse_url("http://h/" + "a" * 92, max_length=100)


def test_the_repr_of_a_url_keeps_its_query_to_itself():
    assert "hunter2" not in repr(parse_url("http://h/?token=hunter2"))


@given(st.text() | st.text(alphabet="htp:/[]@.?#%12a-").map(lambda rest: "http://" + rest))
def test_any_text_is_either_a_clean_url_or_refused(text):
    try:
        parsed = parse_url(text)
    except UnusableUrl:
        return
    assert parsed.host
    assert 0 < parsed.port < 65_536
    assert parsed.target.startswith("/")
    assert parse_url(str(parsed)) == parsed
