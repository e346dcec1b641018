"""Each test has a memory and a disk of its own."""

import pytest

from monitor.status.cache import CACHE


@pytest.fixture(autouse=True)
def copies(settings, tmp_path):
    settings.STATUS_COPIES_DIR = tmp_path / "copies"
    CACHE.clear()
    yield settings.STATUS_COPIES_DIR
    CACHE.clear()
