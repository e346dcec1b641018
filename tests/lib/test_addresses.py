import pytest
from django.http import QueryDict

from monitor.lib.addresses import address_with


@pytest.mark.parametrize(
    ("query", "changes", "address"),
    [
        ("a=1&b=2", {"a": 3}, "?b=2&a=3"),
        ("a=1&b=2", {"a": None}, "?b=2"),
        ("a=1&b=2", {"a": ""}, "?b=2"),
        ("a=1&a=2", {"b": 0}, "?a=1&a=2&b=0"),
        ("a=1&cursor=x&offset=50", {"b": "c d"}, "?a=1&b=c+d"),
        ("a=1&cursor=x", {"cursor": "y"}, "?a=1&cursor=y"),
        ("", {}, "?"),
        ("path=%2Fa%26b", {}, "?path=%2Fa%26b"),
    ],
)
def test_a_query_is_changed_and_begins_at_the_newest_again(query, changes, address):
    assert address_with(QueryDict(query), changes) == address
