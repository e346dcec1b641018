"""The kinds of monitors. A module in `kinds` with a `KIND` is one; nothing else has to know it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from monitor.lib import masking
from monitor.lib.kinds import kinds_in
from monitor.lib.masking import MASK
from monitor.lib.options import BadConfig, Field, destinations
from monitor.lib.outbound.messages import is_plain_header
from monitor.probing.finding import Finding, Way
from monitor.probing.schedules import Schedule

__all__ = ["LOWEST_TLS", "BadConfig", "Field", "Kind", "all_kinds", "kind_named"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind: its options, how to look, and how to speak of it."""

    name: str
    words: str
    icon: str = "health"
    options: type[msgspec.Struct]
    fields: Sequence[Field] = ()
    # None: judged from what our own tables hold; see monitor.monitors.internal.
    probe: Callable[[Any, Way], Awaitable[Finding]] | None = None
    # What is looked at, in a line without secrets.
    target: Callable[[Any], str]
    # Places of options that are secret whatever they are named; `name.*` for all within a mapping.
    secrets: frozenset[str] = field(default_factory=frozenset)
    # A kind with a form of its own: its pages are `<editor>-new` and `<editor>-edit`.
    editor: str = ""
    # Sorts the kinds where people choose.
    order: int = 50

    @property
    def is_internal(self) -> bool:
        return self.probe is None

    def read(self, config: Mapping[str, Any]) -> Any:
        """The options as a struct. Raises BadConfig."""
        try:
            return msgspec.convert(config, self.options)
        except msgspec.ValidationError as error:
            words, _, place = str(error).partition(" - at `$")
            raise BadConfig(words, field=place.rstrip("`").lstrip(".")) from None

    def plain(self, options: Any) -> dict[str, Any]:
        """The options as they are kept: with all defaults, so that a changed default changes nothing."""
        plain: dict[str, Any] = msgspec.to_builtins(options)
        return plain

    def masked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The options as they may be shown."""
        return {name: self._masked(name, value) for name, value in config.items()}

    def destinations(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Where secrets would go, by what says so; see `destinations` below."""
        return destinations(config)

    def schedule(self, config: Mapping[str, Any]) -> Schedule | None:
        """When options that were read before have it looked at, where not by its interval."""
        return None

    def _masked(self, place: str, value: Any) -> Any:
        around, dot, _ = place.partition(".")
        if place in self.secrets or (dot and f"{around}.*" in self.secrets):
            return MASK if value else value
        if isinstance(value, Mapping):
            return {name: self._masked(f"{place}.{name}", inner) for name, inner in value.items()}
        if place == "headers":
            return [[name, masked_header(name, text)] for name, text in value]
        if isinstance(value, str):
            if place == "url" or place.endswith("_url"):
                return masking.mask_url(value)
            if place == "body":
                return masking.mask_body(value)
        return value


def masked_header(name: str, text: str) -> str:
    """The value as it may be shown: of a name that nobody knows it may be a key."""
    if not text or is_plain_header(name):
        return str(masking.mask_headers({name: text})[name])
    return MASK


LOWEST_TLS = Field(
    name="lowest_tls",
    label="Lowest version of TLS",
    type="choice",
    choices=(("", "As usual"), ("1.2", "1.2"), ("1.3", "1.3")),
    is_rare=True,
)


@cache
def _registry() -> dict[str, Kind]:
    return kinds_in("monitor.probing.kinds")


def all_kinds() -> list[Kind]:
    """Every kind, in the order that people choose from."""
    return list(_registry().values())


def kind_named(name: str) -> Kind:
    """Raises BadConfig."""
    try:
        return _registry()[name]
    except KeyError:
        raise BadConfig(f"Must be one of {', '.join(_registry())}.", field="kind") from None
