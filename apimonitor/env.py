"""Typed readers of environment variables: a bad value stops the start and is named."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


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
        "OPTIONS": {key: unquote(value) for key, value in options.items()},
    }
