"""The id of the request being answered, for log lines and error answers."""

import secrets
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    return f"req_{secrets.token_hex(10)}"


def current_request_id() -> str:
    """The running request's id, or an empty text outside of one."""
    return _current.get()


def remember_request_id(request_id: str) -> None:
    _current.set(request_id)
