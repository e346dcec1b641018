"""A state that people set by hand."""

from typing import Annotated, Literal

import msgspec

from monitor.probing.registry import Field, Kind


class ManualOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Literal["up", "slow", "down"] = "up"
    message: Annotated[str, msgspec.Meta(max_length=300)] = ""


KIND = Kind(
    name="manual",
    words="Set by hand",
    order=81,
    options=ManualOptions,
    target=lambda options: "set by hand",
    fields=(
        Field(
            name="status",
            label="State",
            type="choice",
            choices=(("up", "Up"), ("slow", "Slow"), ("down", "Down")),
        ),
        Field(name="message", label="Message"),
    ),
)
