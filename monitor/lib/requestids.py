"""The id of the request being answered, for log lines and error answers."""

import re
from contextvars import ContextVar

import uuid_utils

from monitor.lib.apikeys import KEY_PATTERN

_current: ContextVar[str] = ContextVar("request_id", default="")


# What may stand in a header, a log line and a file's name, and is no accident.
ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


def request_id_for(sent: str | None) -> str:
    """The id of a request: the caller's own where it is well-formed and no API key, else a new one.

    A caller may send the same one twice, so nothing is looked up by it as if it were unique.
    """
    if sent and ACCEPTED.fullmatch(sent) and not KEY_PATTERN.search(sent):
        return sent
    return new_request_id()


def new_request_id() -> str:
    # No secret. The system's random source would let go of Python's lock, on the way of every log and ping.
    return f"req_{uuid_utils.uuid4().hex[12:]}"


def current_request_id() -> str:
    """The running request's id, or an empty text outside of one."""
    return _current.get()


def remember_request_id(request_id: str) -> None:
    _current.set(request_id)
