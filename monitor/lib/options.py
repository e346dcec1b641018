"""Options of which some are secret: how a form asks for them, and how their masks are filled again.

Monitors and channels have kinds, each with options of its own. Knows no tables and no kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from monitor.lib import masking

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
        elif name in ("host", "port") or (name in ("authorities", "server_key") and value):
            found[prefix + name] = str(value).lower()
        elif name == "verify_tls" and not value:
            found[prefix + name] = "anybody"
    return found
