"""The kinds of channels. A module in `kinds` with a `KIND` is one; nothing else has to know it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from monitor.channels.message import Message
from monitor.channels.way import Way
from monitor.lib import masking
from monitor.lib.kinds import kinds_in
from monitor.lib.masking import MASK
from monitor.lib.options import BadConfig, Field

Config = dict[str, Any]


def fine(options: Any) -> None:
    """Nothing to say against them."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind: its options, how to tell, what is secret, and what a form asks for."""

    name: str
    words: str
    options: type[msgspec.Struct]
    fields: Sequence[Field]
    # Tells, or raises NotTold.
    tell: Callable[[Any, Message, Way], None]
    # Where it goes, in a few words without secrets.
    target: Callable[[Any], str]
    # What the shape of the options does not say. Raises BadConfig.
    check: Callable[[Any], None] = fine
    secrets: frozenset[str] = field(default_factory=frozenset)
    # The option that is made when it is left out, shown once, and how.
    made: tuple[str, Callable[[], str]] | None = None
    # Speaks of incidents alone, which begin and end: a digest means nothing to it.
    only_incidents: bool = False
    # Said above the form.
    about: str = ""
    order: int = 50

    def read(self, config: Mapping[str, Any]) -> Any:
        """The options as a struct. Raises BadConfig."""
        try:
            return msgspec.convert(config, self.options)
        except msgspec.ValidationError as error:
            words, _, place = str(error).partition(" - at `$")
            raise BadConfig(words, field=place.rstrip("`").lstrip(".")) from None

    def plain(self, options: Any) -> Config:
        """The options as they are kept: with all defaults, so that a changed default changes nothing."""
        plain: Config = msgspec.to_builtins(options)
        return plain

    def masked(self, config: Mapping[str, Any]) -> Config:
        """The options as they may be shown."""
        return {name: self._masked(name, value) for name, value in config.items()}

    def _masked(self, name: str, value: Any) -> Any:
        if name in self.secrets:
            return MASK if value else value
        if name == "headers":
            return [[header, MASK] for header, _ in value]
        return masking.mask_url(value) if name == "url" else value


@cache
def _registry() -> dict[str, Kind]:
    return kinds_in("monitor.channels.kinds")


def all_kinds() -> list[Kind]:
    """Every kind, in the order that people choose from."""
    return list(_registry().values())


def kind_named(name: str) -> Kind:
    """Raises BadConfig."""
    try:
        return _registry()[name]
    except KeyError:
        raise BadConfig(f"Must be one of {', '.join(_registry())}.", field="kind") from None
