"""The embedded server, really started: made, stopped, killed and found again."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from apimonitor.supervisor import account, binaries, storage
from apimonitor.supervisor.errors import CannotStart
from apimonitor.supervisor.postgres import MAX_SOCKET_FOLDER_BYTES, Cluster, running_url
from apimonitor.supervisor.processes import is_alive

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0 and os.environ.get("CI") != "true", reason="needs root")


@contextlib.contextmanager
def running(data_dir: Path, *, ephemeral: bool = True) -> Iterator[Cluster]:
    cluster = Cluster(data_dir, ephemeral=ephemeral)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def ask(cluster: Cluster, sql: str) -> object:
    with psycopg.connect(cluster.url) as connection:
        row = connection.execute(sql).fetchone()
    return row and row[0]


def keep_a_row(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_a_stopped_server_finds_its_data_again(data_dir: Path):
    with running(data_dir) as cluster:
        keep_a_row(cluster)

    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT answer FROM kept") == 42


def test_a_killed_server_recovers_what_was_committed(data_dir: Path):
    with running(data_dir, ephemeral=False) as cluster:
        keep_a_row(cluster)
        assert cluster.pid is not None
        os.kill(cluster.pid, signal.SIGKILL)
        wait_until_gone(cluster.pid)

        cluster.start()

        assert ask(cluster, "SELECT answer FROM kept") == 42


def test_a_server_that_outlived_its_supervisor_is_replaced_by_one_of_ours(data_dir: Path):
    first = Cluster(data_dir, ephemeral=True)
    first.start()
    keep_a_row(first)
    assert first.pid is not None

    with running(data_dir) as second:
        assert first.poll() == 0
        assert ask(second, "SELECT answer FROM kept") == 42


def test_the_server_ends_when_its_supervisor_is_killed(data_dir: Path):
    script = (
        "import sys, time; from pathlib import Path; from apimonitor.supervisor.postgres import Cluster\n"
        "cluster = Cluster(Path(sys.argv[1]), ephemeral=True); cluster.start()\n"
        "print('pid', cluster.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = next(int(line.split()[1]) for line in supervisor.stdout if line.startswith("pid"))

        supervisor.kill()

        wait_until_gone(pid)


def test_a_pid_file_that_names_another_program_does_not_stop_the_start(data_dir: Path):
    with running(data_dir) as cluster:
        pid_file = cluster.data / "postmaster.pid"
        stale = pid_file.read_text().replace(str(cluster.pid), str(os.getppid()), 1)
    pid_file.write_text(stale)

    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT 1") == 1


def test_a_creation_that_was_broken_off_begins_afresh(data_dir: Path):
    cluster = Cluster(data_dir, ephemeral=True)
    (cluster.home / "data.new").mkdir()
    (cluster.home / "data.new" / "PG_VERSION").write_text("18\n")

    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT 1") == 1


def test_our_role_is_an_ordinary_one_and_needs_its_password(data_dir: Path):
    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cluster.url.replace("apimonitor:", "apimonitor:wrong"))
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(cluster.url.replace("//apimonitor:", "//postgres:"))


def test_a_lost_password_file_is_replaced_and_the_data_stays(data_dir: Path):
    with running(data_dir) as cluster:
        keep_a_row(cluster)
    (data_dir / "database_password").unlink()

    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT answer FROM kept") == 42


def test_nobody_else_can_enter_the_socket_folder_and_no_port_is_opened(data_dir: Path):
    with running(data_dir) as cluster:
        assert (cluster.home / "run").stat().st_mode & 0o777 == 0o700
        assert ask(cluster, "SHOW listen_addresses") == ""


def test_a_long_data_folder_gets_a_short_socket_folder_that_goes_with_the_server(data_dir: Path):
    deep = data_dir / ("d" * MAX_SOCKET_FOLDER_BYTES)
    storage.open_data_folder(deep)

    with running(deep) as cluster:
        assert ask(cluster, "SELECT 1") == 1
        folder = Path(parse_qs(urlsplit(cluster.url).query)["host"][0])

    assert len(str(folder)) <= MAX_SOCKET_FOLDER_BYTES
    assert not folder.exists()


def test_text_folds_case_beyond_ascii(data_dir: Path):
    with running(data_dir) as cluster:
        assert ask(cluster, "SELECT lower('ÄÖÉ')") == "äöé"


def test_data_of_another_major_version_is_left_alone_with_a_sentence(data_dir: Path):
    with running(data_dir) as cluster:
        version = cluster.data / "PG_VERSION"
    version.write_text("16\n")

    with pytest.raises(CannotStart, match="written by PostgreSQL 16"):
        Cluster(data_dir, ephemeral=True).start()


def test_a_server_that_cannot_start_says_why_in_its_own_words(data_dir: Path):
    with running(data_dir) as cluster:
        settings = cluster.data / "postgresql.conf"
    settings.write_text(settings.read_text() + "shared_buffers = lots\n")

    with pytest.raises(CannotStart, match=r"configuration file .* contains errors"):
        Cluster(data_dir, ephemeral=True).start()


def test_a_platform_without_the_wheel_is_told_about_database_url(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")

    with pytest.raises(CannotStart, match="Set DATABASE_URL"):
        binaries.from_wheel()


def test_the_address_of_a_running_server_can_be_found_by_other_programs(data_dir: Path):
    with running(data_dir) as cluster:
        assert running_url(data_dir) == cluster.url

    assert running_url(data_dir) is None


@as_root
def test_as_root_the_server_runs_as_somebody_else(data_dir: Path):
    with running(data_dir) as cluster:
        assert Path(f"/proc/{cluster.pid}").stat().st_uid == cluster.account.uid != 0


@as_root
def test_behind_a_closed_door_data_and_programs_move_and_the_door_stays_closed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    inner = closed / "var"
    storage.open_data_folder(inner)
    monkeypatch.setattr(storage, "SYSTEM_FOLDER", data_dir / "system")
    wheel = binaries.from_wheel()
    site_packages = wheel.folder.parents[2]
    for name in (binaries.WHEEL, f"{binaries.WHEEL}.libs"):
        shutil.copytree(site_packages / name, closed / name)
    behind = binaries.in_folder(closed / wheel.folder.relative_to(site_packages))

    cluster = Cluster(inner, binaries=behind, ephemeral=True)
    cluster.start()
    try:
        assert ask(cluster, "SELECT 1") == 1
        assert cluster.home.is_relative_to(data_dir / "system")
        assert closed.stat().st_mode & 0o777 == 0o700
        assert Cluster(inner, binaries=behind, ephemeral=True).home == cluster.home
    finally:
        cluster.stop()


@as_root
def test_existing_data_keeps_its_account(data_dir: Path):
    with running(data_dir) as cluster:
        owner = cluster.data.stat().st_uid

    assert account.for_data(data_dir / "postgres" / "data").uid == owner
