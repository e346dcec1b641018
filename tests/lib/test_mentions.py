"""Where a text names somebody: the same places for Python and for PostgreSQL."""

import pytest
from django.db import connection

from monitor.lib.mentions import sql_pattern, without_mentions

CASES = [
    ("/users/ada", ["ada"], "/users/X"),
    ("/users/ADA/x", ["ada"], "/users/X/x"),
    ("/adapters/nevada", ["ada"], "/adapters/nevada"),
    ("ada_ada-ada", ["ada"], "X_X-X"),
    ("user=a.b+c@d.example!", ["a.b+c@d.example"], "user=X!"),
    ("/u/a%20b%2Fc/a+b%2fc", ["a b/c"], "/u/X/X"),
    ("axb a.b", ["a.b"], "axb X"),
    ("Ada Lovelace, Ada", ["Ada", "Ada Lovelace"], "X, X"),
    ("Zoë zoëx ZOË", ["zoë"], "X zoëx X"),
    ("7 of 17, /7", ["7"], "X of 17, /X"),
    ("(a|b) [c] \\ ^$", ["(a|b)", "[c]", "\\", "^$"], "X X X X"),
    ("nobody", [], "nobody"),
    ("nobody", [""], "nobody"),
]


@pytest.mark.parametrize(("text", "names", "expected"), CASES)
def test_names_are_found_whole_and_in_any_spelling(text, names, expected):
    assert without_mentions(text, names, instead="X") == expected


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "names", "expected"), CASES)
def test_postgresql_finds_them_in_the_same_places(text, names, expected):
    with connection.cursor() as cursor:
        cursor.execute("SELECT regexp_replace(%s, %s, 'X', 'gi')", [text, sql_pattern(names)])
        assert cursor.fetchone() == (expected,)
