"""How gunicorn serves us: `gunicorn -c python:apimonitor.serving`.

One place for the quick start and for the container.
"""

import os
import socket
import sys

from django.conf import settings
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # gunicorn ships none
from uvicorn import Server
from uvicorn_worker import UvicornWorker

from monitor.lib.stopping import stopping

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apimonitor.settings")


class StoppingServer(Server):
    """Ends event streams first: it would wait for them, as they never end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopping.begin()
        await super().shutdown(sockets)


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "httptools",
        # TRUSTED_PROXY_COUNT decides whose X-Forwarded-* counts; uvicorn would believe any local program.
        "proxy_headers": False,
        "server_header": False,
        # A slow answer is not waited for longer than this, in seconds.
        "timeout_graceful_shutdown": 5,
    }

    async def _serve(self) -> None:
        """As the original, with a server of our own."""
        self.config.app = self.wsgi
        server = StoppingServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def post_worker_init(worker: object) -> None:
    """In each web process, once it is itself: what it counts, and calls of our own API, go to the
    database by threads of their own."""
    from monitor.health.flushing import begin_flushing
    from monitor.own.flushing import begin_keeping

    begin_flushing()
    begin_keeping()


_host = f"[{settings.BIND}]" if ":" in settings.BIND else settings.BIND
bind = f"{_host}:{settings.PORT}"
workers = settings.WEB_WORKERS
if settings.WEB_INTERFACE == "wsgi":
    wsgi_app = "apimonitor.wsgi:application"
    worker_class = "gthread"
    threads = settings.WEB_THREADS
else:
    wsgi_app = "apimonitor.asgi:application"
    worker_class = "apimonitor.serving.Worker"
graceful_timeout = 8
# A worker's event loop that was silent for this many seconds hangs and is replaced.
timeout = 60
# Several installations on one machine would share the socket, which is named by the account alone.
control_socket_disable = True
