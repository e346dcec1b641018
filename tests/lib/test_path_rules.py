"""Patterns mean the same to Python and to PostgreSQL."""

import re

import pytest
from django.db import connection

from monitor.lib.path_rules import BadPattern, closest_first, expression_of, route_by_rule


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


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_literal_segment_beats_a_parameter_and_that_beats_the_rest(is_turned):
    patterns = ["/a/*", "/a/{x}", "/{x}/b", "/a/{x}/*", "/a/b", "/a/{x}/{y}", "/*"]
    rules = [{"method": "GET", "pattern": each, "route": each} for each in patterns]
    ordered = closest_first(rules[::-1] if is_turned else rules)

    found = {
        path: route_by_rule(ordered, "GET", path)
        for path in ("/a/b", "/a/c", "/z/b", "/a/b/c", "/a/b/c/d", "/z")
    }

    assert found == {
        "/a/b": "/a/b",
        "/a/c": "/a/{x}",
        "/z/b": "/{x}/b",
        "/a/b/c": "/a/{x}/{y}",
        "/a/b/c/d": "/a/{x}/*",
        "/z": "/*",
    }


def test_of_rules_that_are_as_close_the_one_that_stood_first_stays_first():
    rules = [{"method": "GET", "pattern": f"/{{{name}}}", "route": name} for name in ("later", "earlier")]

    assert [rule["route"] for rule in closest_first(rules)] == ["later", "earlier"]
