"""The port we serve on: whether it is free, and whether somebody answers there."""

import errno
import http.client
import socket
import time

from apimonitor.supervisor.errors import CannotStart

# What an earlier run left behind has this long to end, after its supervisor was killed.
LEFTOVER_S = 15.0


def require_free(host: str, port: int, *, after_crash: bool) -> None:
    """Raises CannotStart when the address is taken or is not one of this machine's."""
    until = time.monotonic() + (LEFTOVER_S if after_crash else 0)
    while (trouble := _trouble(host, port)) and time.monotonic() < until:
        time.sleep(0.2)
    if trouble:
        raise CannotStart(trouble)


def _trouble(host: str, port: int) -> str:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gunicorn does: connections of the last run that linger in TIME_WAIT are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        return f"Port {port} needs root's rights. Set PORT to one above 1023."
    except socket.gaierror:
        return f"BIND must be an address of this machine, not {host!r}."
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} on {host} is taken by another program. Stop it, or set PORT to a free one."
        return f"Cannot serve on {host}:{port}: {error.strerror}."
    return ""


def answers(host: str, port: int) -> bool:
    """Whether a web process of ours answers; a 503 says that it cannot work yet."""
    # An address like 0.0.0.0 listens everywhere; it is not one to call.
    callable_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(callable_host, port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
