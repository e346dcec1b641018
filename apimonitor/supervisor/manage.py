"""`scripts/manage`: Django's commands against the installation that `scripts/up` is running."""

import os
import sys

from apimonitor import env
from apimonitor.supervisor import storage
from apimonitor.supervisor.errors import CannotStart, run_main
from apimonitor.supervisor.postgres import running_url
from apimonitor.supervisor.up import ROOT, quick_start_defaults


def main(arguments: list[str]) -> int:
    data_dir = env.path("DATA_DIR", ROOT / "var")
    host, port = env.text("BIND", "127.0.0.1"), env.integer("PORT", 8090, least=1, most=65535)
    environment = quick_start_defaults(os.environ, host=host, port=port)
    if not environment.get("DATABASE_URL"):
        url = running_url(data_dir)
        if url is None:
            raise CannotStart(f"Nothing runs on {data_dir}. Start it with scripts/up, then try again.")
        environment["DATABASE_URL"] = url
    environment.setdefault("SECRET_KEY", storage.kept_secret(data_dir / "secret_key"))
    os.execve(sys.executable, [sys.executable, str(ROOT / "manage.py"), *arguments], environment)


if __name__ == "__main__":
    run_main(main)
