"""A far end of each kind that is looked at, whose mood a test sets: fine, slow or broken.

Real servers where one is at hand: PostgreSQL, aiosmtpd, and Redis where it is installed. The others are small
ones that speak their protocol. Each is met by whatever line the probe opens to it.
"""

import asyncio
import base64
import contextlib
import errno
import hashlib
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiosmtpd.controller import Controller

from tests.channels.mail_box import socket_port
from tests.probing.http_target import Answer, http_target, issue
from tests.probing.mysql_wire import DONE, END, PASSWORD, Wire, error, greeting
from tests.probing.servers import name_server, postgres_options, reach_postgres, relay, server, tell_health

# Far from what a busy machine needs for an answer, and still within a check's time limit.
DEGRADED_MS = 2000
SLOW_S = 2.3
# How long a far end waits for the next look: a walk pauses longer than a single test does.
IDLE_S = 120


class Mood(StrEnum):
    FINE = "fine"
    SLOW = "slow"
    BROKEN = "broken"


@dataclass(kw_only=True)
class FarEnd:
    """What a monitor looks at: its options, and how many looks came."""

    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    mood: Mood = Mood.FINE
    looks: int = 0
    # What makes it slow says so itself, by an assertion or a certificate; else it takes its time.
    tells_slow: bool = False

    @property
    def is_broken(self) -> bool:
        return self.mood == Mood.BROKEN

    def meet(self) -> None:
        """To be called when a look comes."""
        self.looks += 1
        if self.mood == Mood.SLOW and not self.tells_slow:
            time.sleep(SLOW_S)


# --- HTTP, and what stands on it ---------------------------------------------------------------------------


@contextlib.contextmanager
def http():
    end = FarEnd(kind="http")

    def answer(asked):
        end.meet()
        return Answer(503 if end.is_broken else 200)

    with http_target(answer) as target:
        end.config = {"url": target.url()}
        yield end


def speaking(end):
    """Answers at once, and tells of itself in JSON."""

    def answer(asked):
        end.meet()
        body = b'{"status": "degraded"}' if end.mood == Mood.SLOW else b'{"status": "ok"}'
        return Answer(500 if end.is_broken else 200, body)

    return answer


WARNING = {"source": "jsonpath", "property": "$.status", "target": "ok", "severity": "warn"}


@contextlib.contextmanager
def http_with_a_warning():
    end = FarEnd(kind="http", tells_slow=True)
    with http_target(speaking(end)) as target:
        end.config = {"url": target.url(), "assertions": [WARNING]}
        yield end


@contextlib.contextmanager
def journey():
    end = FarEnd(kind="journey", tells_slow=True)
    with http_target(speaking(end)) as target:
        step = {"name": "status", "url": target.url(), "assertions": [WARNING]}
        end.config = {"steps": [step]}
        yield end


@contextlib.contextmanager
def websocket():
    end = FarEnd(kind="websocket")

    def answer(asked):
        end.meet()
        if end.is_broken:
            return Answer(503)
        key = asked.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = hashlib.sha1(key.encode(), usedforsecurity=False).digest()
        accepted = {"Sec-WebSocket-Accept": base64.b64encode(digest).decode()}
        return Answer(101, b"", {"Upgrade": "websocket", "Connection": "Upgrade", **accepted})

    with http_target(answer) as target:
        end.config = {"url": target.url().replace("http", "ws")}
        yield end


# --- Certificates: one with 90 days, one with 14, one that is over -----------------------------------------

DAYS = {Mood.FINE: 90, Mood.SLOW: 14, Mood.BROKEN: -2}


@contextlib.contextmanager
def certified(folder):
    """An address whose certificate is by the mood of the far end that is given, and who vouches for it."""
    with contextlib.ExitStack() as opened:
        end, ports, authorities = FarEnd(kind="", tells_slow=True), {}, []
        for mood, days in DAYS.items():
            mine = folder / mood
            mine.mkdir(parents=True)
            issued = issue(days=days, age_days=30)
            target = opened.enter_context(http_target(tls=issued.server_context(mine)))
            ports[mood] = target.port
            authorities.append(issued.authority)

        def connect():
            end.meet()
            return socket.create_connection(("127.0.0.1", ports[end.mood]))

        port, _ = opened.enter_context(relay(connect))
        yield end, port, "".join(authorities)


@contextlib.contextmanager
def https(folder):
    with certified(folder / "https") as (end, port, authorities):
        warning = {"source": "tls_days", "comparison": ">", "target": 21, "severity": "warn"}
        end.kind = "http"
        end.config = {
            "url": f"https://127.0.0.1:{port}/",
            "authorities": authorities,
            "assertions": [warning],
        }
        yield end


@contextlib.contextmanager
def certificate(folder):
    with certified(folder / "tls") as (end, port, authorities):
        end.kind = "tls"
        end.config = {"host": "127.0.0.1", "port": port, "authorities": authorities}
        yield end


# --- Lines of bytes ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def by_line(kind, converse, **config):
    """A far end that holds a conversation on each line."""
    end = FarEnd(kind=kind)

    def meet(line):
        end.meet()
        converse(end, line)

    with server(meet, idle_s=IDLE_S) as port:
        end.config = {"host": "127.0.0.1", "port": port, **config}
        yield end


def greet(end, line):
    line.sendall(b"sorry\r\n" if end.is_broken else b"hello\r\n")
    line.shutdown(socket.SHUT_WR)


def health(end, line):
    tell_health(line, 2 if end.is_broken else 1, asked=[])


def sign_in_and_read(end, line):
    wire = Wire(line)
    if end.is_broken:
        wire.say(error(1040, "Too many connections"))
        return
    wire.say(greeting("caching_sha2_password"))
    wire.login()
    wire.say(b"\x01\x03")
    wire.say(DONE)
    wire.answer_queries(b"\x011", END, asked=[])


@contextlib.contextmanager
def redis():
    """Redis itself where it is installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        with by_line("redis", answer_ping) as end:
            yield end
        return
    with socket_port() as port:
        pass
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        with behind("redis", lambda: reached(port)) as end:
            yield end
    finally:
        process.terminate()
        process.wait(10)


def answer_ping(end, line):
    line.recv(100)
    line.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" if end.is_broken else b"+PONG\r\n")


def reached(port):
    """A line to a server that may be starting still."""
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
        time.sleep(0.05)
    raise ConnectionRefusedError(f"Nobody listens at {port}.")


@contextlib.contextmanager
def behind(kind, connect):
    """A real server, behind a line that its mood cuts off."""
    end = FarEnd(kind=kind)

    def meet():
        end.meet()
        if end.is_broken:
            raise ConnectionAbortedError
        return connect()

    with relay(meet) as (port, _):
        end.config = {"host": "127.0.0.1", "port": port}
        yield end


@contextlib.contextmanager
def postgres(settings):
    with behind("postgres", lambda: reach_postgres(settings)) as end:
        end.config = postgres_options(settings, end.config["port"])
        yield end


@contextlib.contextmanager
def smtp():
    end = FarEnd(kind="smtp")

    class Moody:
        async def handle_EHLO(self, server, session, envelope, hostname, responses):
            session.host_name = hostname
            await asyncio.to_thread(end.meet)
            return ["421 4.3.2 Not now"] if end.is_broken else responses

    with socket_port() as port:
        pass
    controller = Controller(Moody(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        end.config = {"host": "127.0.0.1", "port": port}
        yield end
    finally:
        controller.stop()


# --- Datagrams ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def dns():
    end = FarEnd(kind="dns")

    def records(name):
        end.meet()
        return None if end.is_broken else ["192.0.2.1"]

    with name_server(records) as port:
        end.config = {"name": "shop.test", "resolver": "127.0.0.1", "port": port}
        yield end


@contextlib.contextmanager
def ping(monkeypatch):
    """The network alone is made up: loopback itself loses no echo, and is never slow."""
    end = FarEnd(kind="ping", config={"host": "127.0.0.1", "count": 1})
    far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.bind(("127.0.0.1", 0))

    class ToFarEnd(socket.socket):
        def sendto(self, packet, address):
            if end.is_broken:
                end.meet()
                raise OSError(errno.EHOSTUNREACH, "No route to host")
            return super().sendto(packet, far.getsockname())

    def echo():
        while packet := (heard := far.recvfrom(4096))[0]:
            end.meet()
            # An echo's answer is its request, but for the type.
            far.sendto(b"\x00" + packet[1:], heard[1])

    monkeypatch.setattr(
        "monitor.probing.kinds.ping.open_socket",
        lambda version: ToFarEnd(socket.AF_INET, socket.SOCK_DGRAM),
    )
    thread = threading.Thread(target=echo)
    thread.start()
    try:
        yield end
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", far.getsockname())
        thread.join()
        far.close()


# --- All of them -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def far_ends(folder, settings, monkeypatch):
    """Each by the name of its monitor."""
    ways = {
        "http": http(),
        "http, by a warning": http_with_a_warning(),
        "https": https(folder),
        "certificate": certificate(folder),
        "journey": journey(),
        "websocket": websocket(),
        "tcp": by_line("tcp", greet, expect="hello"),
        "grpc": by_line("grpc", health, tls=False),
        "mysql": by_line("mysql", sign_in_and_read, username="ada", password=PASSWORD),
        "redis": redis(),
        "postgres": postgres(settings),
        "smtp": smtp(),
        "dns": dns(),
        "ping": ping(monkeypatch),
    }
    with contextlib.ExitStack() as opened:
        yield {name: opened.enter_context(way) for name, way in ways.items()}
