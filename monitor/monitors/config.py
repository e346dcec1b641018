"""A monitor's options: shown masked, sealed where they hold secrets."""

from collections.abc import Mapping
from typing import Any

import msgspec

from monitor.lib.options import masked_place, restored
from monitor.lib.secrets import CannotOpen, seal, unseal
from monitor.models import Monitor, MonitorProxy
from monitor.probing import BadConfig, Kind, kind_named


def whole_config(monitor: Monitor) -> dict[str, Any]:
    """The options with their secrets. Raises CannotOpen."""
    if monitor.sealed is None:
        return dict(monitor.config)
    return msgspec.json.decode(unseal(monitor.sealed), type=dict[str, Any])


def options_of(monitor: Monitor) -> Any:
    """The options as the kind's struct. Raises BadConfig and CannotOpen."""
    config = whole_config(monitor)
    if monitor.proxy is not None:
        config = {**config, "proxy": way_of(monitor.proxy)}
    return kind_named(monitor.kind).read(config)


def way_of(proxy: MonitorProxy) -> dict[str, str]:
    """A proxy as the options of a kind name it, login included. Raises CannotOpen."""
    password = unseal(proxy.sealed) if proxy.sealed is not None else ""
    return {"url": proxy.url, "username": proxy.username, "password": password}


def takes_proxy(kind: Kind) -> bool:
    return "proxy" in kind.options.__struct_fields__


def filled(config: Mapping[str, Any], *, kind: Kind, monitor: Monitor | None) -> dict[str, Any]:
    """The options that were sent, with the monitor's secrets where their masks came back. Raises BadConfig.

    Only while they stay what they were for: who may change a monitor may not read its secrets, and would by
    sending them to a host of his own.
    """
    sent = dict(config)
    if monitor is not None and monitor.config and monitor.kind == kind.name:
        try:
            kept = whole_config(monitor)
        except CannotOpen:
            # Nothing is kept that could be had: what is masked has to be sent again, below.
            kept = monitor.config
        found = restored(sent, shown=monitor.config, kept=kept)
        if found != sent:
            sent = kind.plain(kind.read(found))
            here = kind.destinations(kept)
            for place, there in sorted(kind.destinations(sent).items()):
                if here.get(place) != there:
                    raise BadConfig(f"{place} changed: send the secrets again.", field=place)
    whole = kind.plain(kind.read(sent))
    if place := masked_place(whole):
        raise BadConfig("Send the secret again: what came is its mask.", field=place)
    return whole


def put_config(monitor: Monitor, config: Mapping[str, Any]) -> None:
    """Set the options from what was sent; what came back masked keeps its value. Raises BadConfig."""
    kind = kind_named(monitor.kind)
    whole = filled(config, kind=kind, monitor=monitor)
    shown = kind.masked(whole)
    monitor.config = shown
    monitor.sealed = seal(msgspec.json.encode(whole).decode()) if shown != whole else None
