"""`scripts/test`: that its shorter round on the oldest PostgreSQL leaves nothing out."""

import pytest

from apimonitor.supervisor.suite import ROOT, files_with_sql


def test_every_test_that_is_marked_as_sql_lies_in_a_file_that_the_oldest_server_is_given(request):
    """In a run of everything: all tests were collected, whichever process this is."""
    marked = {
        str(item.path.relative_to(ROOT))
        for item in request.session.items
        if item.get_closest_marker("sql") or item.get_closest_marker("trgm")
    }

    assert marked <= set(files_with_sql())


@pytest.mark.parametrize("name", ["tests/search/test_indexes.py", "tests/search/test_path_index.py"])
def test_a_file_is_found_by_either_mark(name):
    assert name in files_with_sql()
