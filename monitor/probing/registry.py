"""The kinds of monitors. A module in `kinds` with a `KIND` is one; nothing else has to know it."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from monitor.lib import masking
from monitor.lib.masking import MASK
from monitor.lib.outbound.messages import is_plain_header
from monitor.probing.finding import Finding, Way

FieldType = Literal["text", "number", "choice", "truth", "lines", "pairs", "json", "secret", "long", "rules"]


class BadConfig(ValueError):
    """The options do not fit the kind. `field` names the option, empty for all together."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message, self.field = message, field


@dataclass(frozen=True, kw_only=True)
class Field:
    """How a form asks for an option; `name` is its place, as in `auth.password`."""

    name: str
    label: str
    type: FieldType = "text"
    help: str = ""
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    # Options few people need are folded away.
    is_rare: bool = False


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
    # Places of options that are secret whatever they are named.
    secrets: frozenset[str] = field(default_factory=frozenset)
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

    def _masked(self, place: str, value: Any) -> Any:
        if place in self.secrets:
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


def restored(sent: Any, *, shown: Any, kept: Any) -> Any:
    """What was sent, with the kept value wherever the masked form was sent back unchanged."""
    if sent == shown and masking.contains_mask(str(sent)):
        return kept
    if isinstance(sent, Mapping) and isinstance(shown, Mapping) and isinstance(kept, Mapping):
        return {
            name: restored(value, shown=shown.get(name), kept=kept.get(name)) for name, value in sent.items()
        }
    if isinstance(sent, list) and isinstance(shown, list) and isinstance(kept, list):
        # In turn: a header may be there twice, with two values.
        known: dict[str, list[Any]] = {}
        for mask, value in zip(shown, kept, strict=False):
            if masking.contains_mask(str(mask)):
                known.setdefault(str(mask), []).append(value)
        return [known[str(each)].pop(0) if known.get(str(each)) else each for each in sent]
    return sent


def masked_place(config: Mapping[str, Any]) -> str:
    """The first option that is still masked, empty for none. Assertions may ask for masks."""
    for name, value in config.items():
        if name == "assertions" or not masking.contains_mask(str(value)):
            continue
        inner = masked_place(value) if isinstance(value, Mapping) else ""
        return f"{name}.{inner}" if inner else name
    return ""


def destinations(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Where secrets would go, by the option that says so: of a URL its scheme, host and port, and whom
    besides the public authorities the line trusts to be there."""
    found: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found |= destinations(value, f"{prefix}{name}.")
        elif name == "url" or name.endswith("_url"):
            parts = urlsplit(str(value))
            found[prefix + name] = f"{parts.scheme}://{parts.netloc}".lower()
        elif name in ("host", "port") or (name == "authorities" and value):
            found[prefix + name] = str(value).lower()
        elif name == "verify_tls" and not value:
            found[prefix + name] = "anybody"
    return found


@cache
def _registry() -> dict[str, Kind]:
    package = importlib.import_module("monitor.probing.kinds")
    modules = (
        importlib.import_module(f"{package.__name__}.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    )
    found = sorted((module.KIND for module in modules), key=lambda kind: (kind.order, kind.name))
    return {kind.name: kind for kind in found}


def all_kinds() -> list[Kind]:
    """Every kind, in the order that people choose from."""
    return list(_registry().values())


def kind_named(name: str) -> Kind:
    """Raises BadConfig."""
    try:
        return _registry()[name]
    except KeyError:
        raise BadConfig(f"Must be one of {', '.join(_registry())}.", field="kind") from None
