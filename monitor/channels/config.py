"""A channel's options: shown masked, sealed where they hold secrets."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from monitor.channels.registry import Config, Kind, kind_named
from monitor.lib.masking import MASK
from monitor.lib.options import BadConfig, destinations, masked_place, restored
from monitor.lib.secrets import CannotOpen, seal, unseal
from monitor.models import NotificationChannel


def opened(config: Mapping[str, Any], sealed: bytes | memoryview | None) -> Config:
    """The options with their secrets. Raises CannotOpen."""
    if sealed is None:
        return dict(config)
    return msgspec.json.decode(unseal(sealed), type=Config)


def filled(config: Mapping[str, Any], *, kind: Kind, channel: NotificationChannel | None) -> Config:
    """The options that were sent, with the channel's secrets where their masks came back. Raises BadConfig.

    Only while they stay what they were for: who may change a channel may not read its secrets, and would by
    sending them to a host of his own.
    """
    sent = dict(config)
    if channel is not None and channel.config and channel.kind == kind.name:
        try:
            kept = opened(channel.config, channel.sealed)
        except CannotOpen:
            # Nothing is kept that could be had: what is masked has to be sent again, below.
            kept = channel.config
        found = restored(sent, shown=channel.config, kept=kept)
        if found != sent:
            sent = kind.plain(kind.read(found))
            refuse_to_move(sent, kept)
    whole = kind.plain(kind.read(sent))
    if place := masked_place(whole):
        raise BadConfig("Send the secret again: what came is its mask.", field=place)
    kind.check(kind.read(whole))
    return whole


def refuse_to_move(sent: Config, kept: Config) -> None:
    here = destinations(kept)
    for place, there in sorted(destinations(sent).items()):
        if here.get(place) != there:
            raise BadConfig(f"{place} changed: send the secrets again.", field=place)


def completed(config: Mapping[str, Any], *, kind: Kind) -> tuple[Config, str]:
    """The options of a new channel with what is made for it, and that as text: empty when it was sent."""
    if kind.made is None or config.get(kind.made[0]):
        return dict(config), ""
    name, make = kind.made
    secret = make()
    return {**config, name: secret}, secret


def put_config(channel: NotificationChannel, config: Mapping[str, Any]) -> None:
    """Set the options from what was sent; what came back masked keeps its value. Raises BadConfig."""
    kind = kind_named(channel.kind)
    whole = filled(config, kind=kind, channel=channel)
    shown = kind.masked(whole)
    channel.config = shown
    channel.sealed = seal(msgspec.json.encode(whole).decode()) if shown != whole else None


def secrets_in(whole: Any, shown: Any) -> Iterator[str]:
    """The texts that are shown as masks: no record of an attempt may hold them."""
    if isinstance(whole, Mapping):
        for name, value in whole.items():
            yield from secrets_in(value, shown.get(name) if isinstance(shown, Mapping) else None)
    elif isinstance(whole, list | tuple):
        for value, mask in zip(whole, shown or [None] * len(whole), strict=False):
            yield from secrets_in(value, mask)
    elif isinstance(whole, str) and shown is not None and whole != shown and MASK in str(shown):
        yield whole
        yield from parts_of(whole)


def parts_of(secret: str) -> Iterator[str]:
    """Of a secret address its parts too: an answer repeats the path, and not the whole."""
    if "://" in secret:
        yield from (part for part in re.split(r"[/?&=@:]", secret.partition("://")[2]) if len(part) >= 8)


def target_of(channel: NotificationChannel) -> str:
    """Where it goes, in a few words without secrets."""
    try:
        kind = kind_named(channel.kind)
        return kind.target(kind.read(opened(channel.config, channel.sealed)))
    except (BadConfig, CannotOpen):
        return ""
