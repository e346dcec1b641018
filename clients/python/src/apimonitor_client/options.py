"""Every option once, with its default and its unit."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

# What an option is when neither the code nor its variable says so; the key has no place in source code.
VARIABLES = {
    "url": "APIMONITOR_URL",
    "key": "APIMONITOR_KEY",
    "environment": "APIMONITOR_ENVIRONMENT",
    "spool_dir": "APIMONITOR_SPOOL_DIR",
}
BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How one application reports. Options that are equal share a queue and a thread."""

    # The monitor's address, and a key of the service with the scope `ingest`. Without both nothing is
    # reported.
    url: str = ""
    key: str = field(default="", repr=False)
    # Free text: prod, eu-1.
    environment: str = ""
    # On every log.
    tags: tuple[str, ...] = ()
    # The share of requests to report, 0 to 1. Errors (500 and up, and exceptions) are always reported.
    sample_rate: float = 1.0
    # Paths that are not reported: regular expressions, matched from the beginning of the path.
    exclude: tuple[str, ...] = ()
    # Bodies of text, up to this many bytes a side; longer ones are cut. Others are never read.
    request_bodies: bool = True
    response_bodies: bool = True
    max_body_bytes: int = 64 * 1024
    # Masked on top of the built-in names; a name matches when it contains the word.
    mask_headers: tuple[str, ...] = ()
    mask_keys: tuple[str, ...] = ()
    # Sees each log, masked, in the sending thread; gives the log to send, or None to send nothing.
    before_send: BeforeSend | None = None
    # Proxies in front of the application that each append to X-Forwarded-For; 0 trusts no such header.
    trusted_proxies: int = 0
    # What waits in memory, at most; beyond it new requests are not reported.
    max_queued: int = 10_000
    max_queued_bytes: int = 32 * 1024 * 1024
    # Logs in one batch, and seconds a log waits for others.
    batch_logs: int = 500
    flush_s: float = 1.0
    # Seconds for one delivery; the longest wait between tries; for what is left when the process ends.
    timeout_s: float = 10.0
    max_retry_s: float = 30.0
    exit_s: float = 3.0
    # Where logs wait while the monitor is away, and how many bytes of them, at most. 0 bytes: nowhere.
    spool_dir: str = ""
    spool_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raises ValueError, by the option's name, for what cannot work."""
        if not 0 <= self.sample_rate <= 1:
            raise ValueError("sample_rate is a share: 0 to 1.")
        for name in ("max_queued", "batch_logs", "flush_s", "timeout_s", "max_retry_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0.")
        for pattern in self.exclude:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"exclude: {pattern!r} is no regular expression: {error}") from None

    @property
    def is_complete(self) -> bool:
        """Whether it says where to report to, and as whom."""
        return bool(self.url and self.key)


def options_from(given: Mapping[str, Any]) -> Options:
    """The options, completed from the environment. Raises TypeError for a name that is none of them."""
    known = {each.name for each in fields(Options)}
    if unknown := sorted(set(given) - known):
        raise TypeError(f"No such option: {', '.join(unknown)}.")
    # Lists are what people write, and what settings files hold; tuples can be compared and shared.
    values: dict[str, Any] = dict(given)
    values |= {name: tuple(value) for name, value in given.items() if isinstance(value, list | set)}
    for name, variable in VARIABLES.items():
        if not values.get(name):
            values[name] = os.environ.get(variable, "")
    values["url"] = values["url"].rstrip("/")
    values["spool_dir"] = values["spool_dir"] or default_spool_dir()
    return Options(**values)


def default_spool_dir() -> str:
    """A folder of this user's that outlives the process; one that outlives the machine must be named."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return str(Path(tempfile.gettempdir()) / f"apimonitor-client-{user}")
