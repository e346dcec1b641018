"""Elements of SVG and HTML as text in which everything that came from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe

Attribute = str | int | float | bool | None


def number(value: float) -> str:
    """`value` with at most three decimals, never in exponents: what SVG attributes and our tests read.

    Raises ValueError for NaN and infinities, which a browser would drop together with the whole shape.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be drawn")
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(share: float) -> str:
    """A share from 0 to 1 as the percentage that lets a chart stretch without stretching its text."""
    return f"{number(share * 100)}%"


def tag(name: str, attributes: Mapping[str, Attribute] | None = None, *children: str) -> SafeString:
    """One element. Attributes that are None or False are left out; True stands without a value."""
    inside = "".join(conditional_escape(child) for child in children)
    return mark_safe(f"<{name}{_written(attributes or {})}>{inside}</{name}>")  # noqa: S308 - each part is escaped


def together(parts: Iterable[str]) -> SafeString:
    """Several elements as one; plain text among them is escaped."""
    return mark_safe("".join(conditional_escape(part) for part in parts))  # noqa: S308 - each part is escaped


def _written(attributes: Mapping[str, Attribute]) -> str:
    written = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        if value is True:
            written.append(f" {name}")
        elif isinstance(value, str):
            written.append(f' {name}="{escape(value)}"')
        else:
            written.append(f' {name}="{number(value)}"')
    return "".join(written)
