"""What several tests of the search need."""

from collections.abc import Iterator

import pytest

from tests.search.echo import Echo, echoing


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with echoing() as server:
        yield server
