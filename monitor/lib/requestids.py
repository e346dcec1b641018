"""The id of the request being answered, for log lines and error answers."""

import secrets
import string
from contextvars import ContextVar

ALPHABET = string.digits + string.ascii_lowercase
_current: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    return "req_" + "".join(secrets.choice(ALPHABET) for _ in range(20))


def current_request_id() -> str:
    """The running request's id, or an empty text outside of one."""
    return _current.get()


def remember_request_id(request_id: str) -> None:
    _current.set(request_id)
