"""Servers on loopback that probes look at, small or real, each for as long as its block lasts."""

import contextlib
import socket
import threading

import dns.message
import dns.rrset
import h2.config
import h2.connection
import h2.events
from django.db import connection


@contextlib.contextmanager
def server(converse, *, idle_s=10):
    """A server whose conversation the function holds; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(idle_s)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    line.settimeout(5)
                    with line, contextlib.suppress(OSError):
                        converse(line)
                        line.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def name_server(records):
    """Answers A questions as `records` (of a name, None where there are none) says."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.2)
    stopped = threading.Event()

    def serve():
        while not stopped.is_set():
            with contextlib.suppress(OSError):
                asked, sender = server.recvfrom(4096)
                question = dns.message.from_wire(asked)
                answer = dns.message.make_response(question)
                name = question.question[0].name
                if found := records(str(name).rstrip(".")):
                    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *found))
                else:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                server.sendto(answer.to_wire(), sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        thread.join()
        server.close()


@contextlib.contextmanager
def relay(connect):
    """A port whose lines go on to what `connect` opens, and the sizes of what came back. An OSError of
    `connect` closes the line."""
    sent = []

    def pass_on(one, other, counted=None):
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
                if counted is not None:
                    counted.append(len(data))
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def meet(near, opened):
        try:
            far = opened.enter_context(connect())
        except OSError:
            near.close()
            return
        for given in ((near, far), (far, near, sent)):
            threading.Thread(target=pass_on, args=given, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as opened:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    meet(opened.enter_context(listener.accept()[0]), opened)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], sent
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def reach_postgres(settings):
    """A line to the tests' own server, which listens on a socket file."""
    known = settings.DATABASES["default"]
    line = socket.socket(socket.AF_UNIX)
    line.connect(f"{known['HOST']}/.s.PGSQL.{known.get('PORT') or 5432}")
    return line


def postgres_options(settings, port):
    known = settings.DATABASES["default"]
    return {
        "host": "127.0.0.1",
        "port": port,
        "username": known["USER"],
        "password": known["PASSWORD"],
        "database": connection.settings_dict["NAME"],
    }


@contextlib.contextmanager
def way_to_postgres(settings):
    """The options that reach the tests' own server, and the sizes of what it sent."""
    with relay(lambda: reach_postgres(settings)) as (port, sent):
        yield postgres_options(settings, port), sent


def tell_health(line, status, *, grpc_status="0", asked):
    """One call to a gRPC server that answers each with this health."""
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    protocol.initiate_connection()
    line.sendall(protocol.data_to_send())
    while received := line.recv(65_536):
        for event in protocol.receive_data(received):
            if isinstance(event, h2.events.DataReceived):
                asked.append(event.data)
            if isinstance(event, h2.events.StreamEnded):
                protocol.send_headers(
                    event.stream_id, [(":status", "200"), ("content-type", "application/grpc")]
                )
                message = bytes([8, status]) if status else b""
                if grpc_status == "0":
                    protocol.send_data(event.stream_id, b"\0" + len(message).to_bytes(4) + message)
                protocol.send_headers(event.stream_id, [("grpc-status", grpc_status)], end_stream=True)
        line.sendall(protocol.data_to_send())


@contextlib.contextmanager
def health_server(status, *, grpc_status="0"):
    """A gRPC server that answers every call with this health."""
    asked = []
    with server(lambda line: tell_health(line, status, grpc_status=grpc_status, asked=asked)) as port:
        yield port, asked
