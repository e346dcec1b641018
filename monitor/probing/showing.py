"""Values as people may see them: without secrets, masked, and short."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from monitor.lib.masking import mask_text

SHOWN_CHARACTERS = 200

Hide = Callable[[str], str]


def nothing_hidden(text: str) -> str:
    return text


_hide: ContextVar[Hide] = ContextVar("hide", default=nothing_hidden)


@contextmanager
def hiding(hide: Hide) -> Iterator[None]:
    """Takes secrets out of what is shown within, before it is cut: half a secret is not known again."""
    token = _hide.set(hide)
    try:
        yield
    finally:
        _hide.reset(token)


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # Cut first here: a page of text would be masked for the sake of a line.
    text = mask_text(_hide.get()(text[: SHOWN_CHARACTERS * 4]))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
