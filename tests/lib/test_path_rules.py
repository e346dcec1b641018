"""Patterns mean the same to Python and to PostgreSQL."""

import re

import pytest
from django.db import connection

from monitor.lib.path_rules import BadPattern, expression_of, route_by_rule


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("/orders/export", ["/orders/export", "/orders/export/", "/orders/export?a=1"], ["/orders/exports"]),
        ("/orders/{id}", ["/orders/1", "/orders/a.b"], ["/orders", "/orders/", "/orders/1/x"]),
        ("/files/*", ["/files/a", "/files/a/b", "/files/a\nb"], ["/files", "/files/", "/file/a"]),
        ("/a.b/(c)[d]+^$|\\", ["/a.b/(c)[d]+^$|\\"], ["/axb/(c)[d]+^$|\\", "/a.b/c"]),
        ("/é/{x}", ["/é/1"], ["/e/1"]),
        ("/", ["/", ""], ["/a", "/\n"]),
    ],
)
@pytest.mark.django_db
def test_a_pattern_takes_its_paths_alone(pattern, taken, left):
    expression = expression_of(pattern)
    for path in (*taken, *left):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s ~ %s", [path, expression])
            by_database = cursor.fetchone()[0]
        assert bool(re.match(expression, path, re.DOTALL)) == by_database == (path in taken), path


@pytest.mark.parametrize("pattern", ["", "orders", "/a*", "/*/a", "/" + "x" * 256, "/a\x00"])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(BadPattern):
        expression_of(pattern)


def test_the_first_rule_of_the_method_wins():
    rules = [
        {"method": "GET", "pattern": "/a/b", "route": "/first"},
        {"method": "GET", "pattern": "/a/*", "route": "/second"},
    ]

    assert route_by_rule(rules, "GET", "/a/b") == "/first"
    assert route_by_rule(rules, "GET", "/a/c") == "/second"
    assert route_by_rule(rules, "POST", "/a/b") is None
