import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apimonitor.supervisor import storage


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can reach: pytest's own tmp_path is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="apimonitor-test-"))
    folder.chmod(0o711)
    storage.open_data_folder(folder)
    yield folder
    home = folder / "postgres"
    if home.is_symlink():
        shutil.rmtree(os.readlink(home))
    shutil.rmtree(folder)
