"""Typed readers of environment variables: a bad value stops the start and is named."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
# Repeats of a statement after which psycopg has it prepared.
PREPARE_AFTER = 5


def text(name: str, default: str | None = None) -> str:
    """The variable's text. An empty variable counts as missing; without a default it must be there."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. It has no default; .env.example says what it is for.")
    return default


def flag(name: str, *, default: bool) -> bool:
    word = text(name, "true" if default else "false").lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {word!r}.")


def integer(name: str, default: int, *, least: int, most: int) -> int:
    raw = text(name, str(default))
    try:
        number = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {number}.")
    return number


def choice(name: str, default: str, *, options: Sequence[str]) -> str:
    word = text(name, default).lower()
    if word not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {word!r}.")
    return word


def words(name: str, default: str = "") -> list[str]:
    """The variable's comma-separated words, without blanks."""
    return [word.strip() for word in text(name, default or ",").split(",") if word.strip()]


def path(name: str, default: Path) -> Path:
    return Path(text(name, str(default))).expanduser().resolve()


def origin(name: str, default: str) -> str:
    """An http or https address without a path, as `https://monitor.example.com`."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured(f"{name} must look like https://monitor.example.com, not {value!r}.")
    return value


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail goes; no host: nowhere."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False


MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def mail_server(name: str) -> MailServer:
    """The server of an address like `smtp+starttls://user:password@mail.example.com:587`."""
    value = os.environ.get(name, "").strip()
    if not value:
        return MailServer()
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} has a port that is not a number.") from None
    if parts.scheme not in MAIL_PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ImproperlyConfigured(
            f"{name} must look like smtp://, smtp+starttls:// or smtps://user:password@mail.example.com:587."
        )
    return MailServer(
        host=parts.hostname,
        port=port or MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+starttls",
        tls=parts.scheme == "smtps",
    )


def origins(name: str) -> list[str]:
    """Origins with commas between them, or `*` alone for all there are."""
    found = words(name)
    for value in found:
        parts = urlsplit(value)
        is_plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.username
        if found != ["*"] and (not is_plain or value != f"{parts.scheme}://{parts.netloc}"):
            raise ImproperlyConfigured(
                f"{name} must hold origins as https://app.example.com, or * alone, not {value!r}."
            )
    return found


def database(name: str) -> dict[str, object]:
    """Django's connection settings out of a postgresql:// address.

    The host may be a socket folder, percent-encoded or as `?host=/path`, as libpq takes it.
    """
    parts = urlsplit(text(name))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} must begin with postgresql:// (PostgreSQL is the one database).")
    options = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} has a port that is not a number.") from None
    host = unquote(options.pop("host", "") or parts.hostname or "")
    name_of_database = unquote(parts.path.lstrip("/"))
    if not name_of_database:
        raise ImproperlyConfigured(f"{name} must end with a database name, as in postgresql://…/apimonitor.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name_of_database,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        # For what goes by psycopg's own cursors; Django's write values into the statement.
        "OPTIONS": {
            "prepare_threshold": PREPARE_AFTER,
            **{key: unquote(value) for key, value in options.items()},
        },
    }
