"""One embedded PostgreSQL: made, started, recovered after a crash, and stopped."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from apimonitor.supervisor import account as accounts
from apimonitor.supervisor import binaries as programs
from apimonitor.supervisor import storage
from apimonitor.supervisor.binaries import Binaries
from apimonitor.supervisor.errors import CannotStart, say
from apimonitor.supervisor.processes import die_with_parent, is_alive, send

NAME = "apimonitor"
# A unix socket's path holds 107 bytes; PostgreSQL adds `/.s.PGSQL.5432.lock`.
MAX_SOCKET_FOLDER_BYTES = 107 - 19
# Recovery replays what was written since the last checkpoint: seconds as a rule, minutes on a slow disk.
RECOVERY_S = 1800
SHUTDOWN_S = 60

SETTINGS = {
    # Two small processes share the machine with us; the kernel's own cache does the rest.
    "shared_buffers": "64MB",
    "effective_cache_size": "512MB",
    "maintenance_work_mem": "64MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    # The pages' queries are short; compiling them costs more than it gives.
    "jit": "off",
    "random_page_cost": "1.1",
    # Nobody replicates from here.
    "max_logical_replication_workers": "0",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] '",
}
# PostgreSQL 18 would start three processes of its own to read ahead.
SETTINGS_SINCE_18 = {"io_method": "sync"}
# What a test database may lose: it is made afresh for each run.
EPHEMERAL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# And what its role may do beyond an ordinary one: make databases, and empty them without their triggers.
EPHEMERAL_RIGHTS = [
    f"ALTER ROLE {NAME} CREATEDB",
    f"GRANT SET ON PARAMETER session_replication_role TO {NAME}",
]


class Cluster:
    """A PostgreSQL on a socket only its owner can enter, with one role and one database of ours."""

    def __init__(self, data_dir: Path, *, binaries: Binaries | None = None, ephemeral: bool = False) -> None:
        self.account = accounts.for_data(data_dir / "postgres" / "data")
        self.home = storage.server_home(data_dir, self.account)
        self.data = self.home / "data"
        self.binaries = programs.within_reach(
            binaries or programs.from_wheel(), account=self.account, home=self.home
        )
        self.log = data_dir / "log" / "postgres.log"
        self._ephemeral = ephemeral
        self._password_is_new = not (data_dir / "database_password").exists()
        self._password = storage.kept_secret(data_dir / "database_password")
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder = self.home / "run"

    @property
    def url(self) -> str:
        return _url(self._password, str(self._socket_folder))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """The exit code once the server has ended, None while it runs."""
        return self._process.poll() if self._process else 0

    def start(self) -> None:
        """Start the server, making its data first when there is none, and wait until it answers.

        Raises CannotStart with the server's own last words when it ends instead.
        """
        self.poll()  # An earlier process of ours that ended stays a zombie until it is asked.
        if not self.data.exists():
            say(f"Creating the database (PostgreSQL {self.binaries.version}) ...")
            self._create()
        elif (major := int((self.data / "PG_VERSION").read_text())) != self.binaries.major:
            raise CannotStart(
                f"The data in {self.data} was written by PostgreSQL {major}, and {self.binaries.version} is "
                "installed. Install the earlier requirements and move the data with pg_dump and psql."
            )
        else:
            self._stop_leftover()
            if self._password_is_new:
                self._set_password(self.data)
        self._password_is_new = False
        self._make_socket_folder()
        self._launch()
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop in order: end the sessions, write a checkpoint. Pulls the plug after a minute."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(SHUTDOWN_S)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
        if self._socket_folder != self.home / "run":
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    # --- Making ------------------------------------------------------------------------------------------

    def _create(self) -> None:
        """Make the data aside and rename it, so that a start broken off here leaves nothing half-made."""
        aside = self.home / "data.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        self.account.own(aside)
        # Characters sort and fold alike on every machine: the builtin provider asks no system locale.
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if self.binaries.major >= 17
            else ["--locale=C.UTF-8"]
        )
        sync = ["--no-sync"] if self._ephemeral else []
        # The superuser cannot log in at all; the role of ours is an ordinary one.
        self._run("initdb", "-D", str(aside), "-U", "postgres", "-A", "reject", "-E", "UTF8", *locale, *sync)
        settings = SETTINGS | (SETTINGS_SINCE_18 if self.binaries.major >= 18 else {})
        settings |= EPHEMERAL_SETTINGS if self._ephemeral else {}
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        with (aside / "postgresql.conf").open("a") as file:
            file.write("\n# --- API Monitor\n" + "".join(lines))
        (aside / "pg_hba.conf").write_text(f"local all {NAME} scram-sha-256\n")
        statements = [f"CREATE ROLE {NAME} LOGIN", f"CREATE DATABASE {NAME} OWNER {NAME}"]
        statements += EPHEMERAL_RIGHTS if self._ephemeral else []
        self._single_user(aside, *statements)
        self._set_password(aside)
        aside.rename(self.data)

    def _set_password(self, data: Path) -> None:
        self._single_user(data, f"ALTER ROLE {NAME} PASSWORD '{self._password}'")

    def _single_user(self, data: Path, *statements: str) -> None:
        """Run statements without a server, and so without any door open to anyone."""
        output = self._run(
            "postgres", "--single", "-D", str(data), "postgres", stdin="".join(f"{s};\n" for s in statements)
        )
        if "ERROR:" in output:
            raise CannotStart(f"Setting up PostgreSQL failed; {data} may be damaged.")

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [self.binaries.program(program), *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            env=self._environment(),
            **self.account.popen_arguments(),
        )
        if done.returncode != 0:
            words = [line for line in done.stdout.splitlines() if "rror:" in line or "FATAL" in line]
            last = (words or done.stdout.splitlines() or ["no reason given"])[-1]
            raise CannotStart(f"PostgreSQL's {program} failed: {last.strip()}")
        return str(done.stdout)

    def _environment(self) -> dict[str, str]:
        """No PG* variable of the person's, which could lead the programs elsewhere; messages in English."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": "C"}

    # --- Running -----------------------------------------------------------------------------------------

    def _make_socket_folder(self) -> None:
        if len(os.fsencode(self._socket_folder)) > MAX_SOCKET_FOLDER_BYTES:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="apimonitor-"))
        self._socket_folder.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self._socket_folder)

    def _launch(self) -> None:
        musts = {"listen_addresses": "", "unix_socket_directories": str(self._socket_folder), "port": "5432"}
        options = [part for name, value in musts.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries.program("postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=self._environment(),
                # Ctrl-C in the terminal reaches its whole process group: the server must outlive the others.
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self.account.popen_arguments(),
            )

    def _wait_until_ready(self) -> None:
        began = said = time.monotonic()
        while self._status() != "ready":
            now = time.monotonic()
            if self.poll() is not None:
                raise CannotStart(f"PostgreSQL did not start: {self._last_words()} (see {self.log})")
            if now - began > RECOVERY_S:
                raise CannotStart(f"PostgreSQL was not ready within {RECOVERY_S // 60} min (see {self.log}).")
            if now - said > 3:
                say(f"PostgreSQL is recovering what was written before the crash ({now - began:.0f} s) ...")
                said = now + 7
            time.sleep(0.02)

    def _status(self) -> str:
        """What the running server says of itself in its pid file: starting, ready or stopping."""
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 and lines[0] == str(self.pid) else ""

    def _pid_file(self) -> list[str]:
        return _lines(self.data / "postmaster.pid")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-50:]
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return (fatal or lines or ["it said nothing"])[-1].split(": ", 1)[-1].strip()

    # --- After a kill -9 ---------------------------------------------------------------------------------

    def _stop_leftover(self) -> None:
        """End a server that outlived its supervisor, so that ours is again its parent and sees it end.

        Its pid and lock files are removed only once none of its processes is left: they are what keeps
        PostgreSQL from starting beside an orphan that still writes. Left in place they could stop us for
        nothing: the number in them may be another program's by now, or a zombie's.
        """
        if not Path("/proc/self/cwd").exists():
            return  # macOS: PostgreSQL's own check of the pid file decides.
        left = self._processes_in_data()
        if left:
            say("Stopping the PostgreSQL that an earlier run left behind ...")
        # The postmaster ends its own children in order; only orphans must be told one by one.
        postmaster = [pid for pid in left if [str(pid)] == self._pid_file()[:1]]
        for number in (signal.SIGINT, signal.SIGQUIT):
            until = time.monotonic() + SHUTDOWN_S
            for pid in postmaster or left:
                send(pid, number)
            while left and time.monotonic() < until:
                time.sleep(0.05)
                left = self._processes_in_data()
        if left:
            raise CannotStart(f"Processes of an earlier run still use {self.data}: {left}. End them first.")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _processes_in_data(self) -> list[int]:
        """PostgreSQL's processes all work in their data folder; nobody else has a reason to."""
        here = self.data.stat()
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if is_alive(pid) and _works_in(pid, here)]


def _works_in(pid: int, folder: os.stat_result) -> bool:
    try:
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), folder)
    except OSError:
        return False  # Gone meanwhile, or of an account that is not ours.


def running_url(data_dir: Path) -> str | None:
    """The address of the server that another process of ours runs on this data folder, if one does."""
    lines = _lines(data_dir / "postgres" / "data" / "postmaster.pid")
    if len(lines) < 5 or not is_alive(int(lines[0])):
        return None
    return _url(storage.kept_secret(data_dir / "database_password"), lines[4])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _url(password: str, socket_folder: str) -> str:
    return f"postgresql://{NAME}:{password}@/{NAME}?host={quote(socket_folder, safe='')}"
