"""The PostgreSQL of a test run: made for it, quick because it may forget, gone afterwards.

So `pytest` works by itself, next to a running installation and to other test runs. With xdist the first
process starts it, and the others inherit its address. TEST_POSTGRES names the folder of other binaries.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from apimonitor.supervisor import binaries, storage
from apimonitor.supervisor.postgres import Cluster


def provide_environment() -> None:
    """Set what the settings require: a secret, and the address of a database."""
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = start_server().url


def start_server() -> Cluster:
    data_dir = Path(tempfile.mkdtemp(prefix="apimonitor-test-"))
    # As root PostgreSQL runs under another account, which must be able to pass this folder.
    data_dir.chmod(0o711)
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    storage.open_data_folder(data_dir)
    chosen = os.environ.get("TEST_POSTGRES")
    cluster = Cluster(data_dir, binaries=binaries.in_folder(Path(chosen)) if chosen else None, ephemeral=True)
    atexit.register(cluster.stop)
    cluster.start()
    return cluster
