"""A monitor's options: shown masked, sealed where they hold secrets."""

from collections.abc import Mapping
from typing import Any

import msgspec

from monitor.lib.secrets import seal, unseal
from monitor.models import Monitor
from monitor.probing import kind_named
from monitor.probing.registry import restored


def whole_config(monitor: Monitor) -> dict[str, Any]:
    """The options with their secrets. Raises CannotOpen."""
    if monitor.sealed is None:
        return dict(monitor.config)
    return msgspec.json.decode(unseal(monitor.sealed), type=dict[str, Any])


def options_of(monitor: Monitor) -> Any:
    """The options as the kind's struct. Raises BadConfig and CannotOpen."""
    return kind_named(monitor.kind).read(whole_config(monitor))


def put_config(monitor: Monitor, config: Mapping[str, Any]) -> None:
    """Set the options from what was sent; what came back masked keeps its value. Raises BadConfig."""
    kind = kind_named(monitor.kind)
    has_config = bool(monitor.config)
    kept = whole_config(monitor) if has_config else {}
    sent = restored(dict(config), shown=monitor.config, kept=kept) if has_config else dict(config)
    whole = kind.plain(kind.read(sent))
    shown = kind.masked(whole)
    monitor.config = shown
    monitor.sealed = seal(msgspec.json.encode(whole).decode()) if shown != whole else None
