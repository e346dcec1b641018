from pathlib import Path
from types import SimpleNamespace

import pytest

from apimonitor.supervisor import storage
from apimonitor.supervisor.errors import CannotStart


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(data_dir: Path):
    path = data_dir / "secret_key"

    first = storage.kept_secret(path)

    assert storage.kept_secret(path) == first
    assert len(first) >= 50
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_holder_of_the_data_folder_is_told_who_has_it(data_dir: Path):
    storage.lock(data_dir)

    with pytest.raises(CannotStart, match=r"already runs on .* \(process \d+\)"):
        storage.lock(data_dir)


def test_a_released_lock_can_be_taken_and_shows_no_crash(data_dir: Path):
    first = storage.lock(data_dir)
    first.release()

    second = storage.lock(data_dir)

    assert (first.after_crash, second.after_crash) == (False, False)
    second.release()


def test_a_holder_that_never_released_counts_as_crashed(data_dir: Path):
    (data_dir / "lock").write_text("4711")

    lock = storage.lock(data_dir)

    assert lock.after_crash
    lock.release()


def test_a_nearly_full_disk_is_told_with_what_is_free(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: SimpleNamespace(free=80_000_000))

    with pytest.raises(CannotStart, match="nearly full: 80 MB are free and 500 MB are needed"):
        storage.open_data_folder(data_dir)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotStart, match=r"DATA_DIR .*/file/var cannot be used"):
        storage.open_data_folder(tmp_path / "file" / "var")
