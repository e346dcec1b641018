"""The static files as they are served: collected, hashed and compressed, again only when they changed."""

import fcntl
import hashlib
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

STAMP = ".collected"


def are_current() -> bool:
    try:
        return (Path(settings.STATIC_ROOT) / STAMP).read_text() == fingerprint()
    except FileNotFoundError:
        return False


def fingerprint() -> str:
    """Changes with our own files and with the pinned libraries, which bring the others."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "constraints.txt"):
        digest.update((settings.BASE_DIR / name).read_bytes())
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(Path(folder).rglob("*")):
            state = path.stat()
            digest.update(f"{path}\0{state.st_mtime_ns}\0{state.st_size}\n".encode())
    return digest.hexdigest()


def collect() -> None:
    """Collect into STATIC_ROOT. Of two installations that share a checkout, the second waits and is done."""
    root = Path(settings.STATIC_ROOT)
    root.mkdir(exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not are_current():
            current = fingerprint()
            call_command("collectstatic", interactive=False, verbosity=0)
            (root / STAMP).write_text(current)
