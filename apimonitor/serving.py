"""How gunicorn serves us: `gunicorn -c python:apimonitor.serving`.

One place for the quick start and for the container.
"""

import os

from django.conf import settings
from uvicorn_worker import UvicornWorker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apimonitor.settings")


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "httptools",
        # TRUSTED_PROXY_COUNT decides whose X-Forwarded-* counts; uvicorn would believe any local program.
        "proxy_headers": False,
        "server_header": False,
        # Event streams never end by themselves; a stop must not wait for them longer than this, in seconds.
        "timeout_graceful_shutdown": 5,
    }


def post_worker_init(worker: object) -> None:
    """In each web process, once it is itself: what it counts goes to the database by a thread of its own."""
    from monitor.health.flushing import begin_flushing

    begin_flushing()


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
