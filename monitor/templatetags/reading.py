"""Filters of the reading pages: numbers and texts as readers take them."""

import re
from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from monitor.charts.scales import Unit, value_text
from monitor.charts.svg import percent, tag, together
from monitor.search.sides import size_text

register = template.Library()

_MASK = re.compile(r"((?:\*|%2A){3}MASKED(?:\*|%2A){3})", re.IGNORECASE)


@register.filter
def count(number: float | None) -> str:
    """1,234,567; a dash for none."""
    return value_text(number, Unit.COUNT)


@register.filter
def kept_moment(text: str) -> datetime:
    """A moment that JSON keeps as text."""
    return datetime.fromisoformat(text)


@register.filter
def about(number: int) -> str:
    """A guess with the two digits that it is worth: 4,231,877 becomes 4.2 million."""
    for size, word in ((1_000_000_000, " billion"), (1_000_000, " million"), (1_000, ",000")):
        if number >= size:
            tenths = f"{number / size:.1f}" if number < 10 * size and size > 1000 else f"{number / size:.0f}"
            return f"{tenths.removesuffix('.0')}{word}"
    return str(number)


@register.filter
def share(ratio: float) -> str:
    """A share from 0 to 1 in per cent."""
    return value_text(ratio, Unit.SHARE)


@register.simple_tag
def share_bar(ratio: float) -> SafeString:
    """A bar as long as the share, 0 to 1; its number stands beside it or in a title."""
    bar = tag("rect", {"width": percent(ratio), "height": 8, "rx": 1})
    return tag(
        "svg",
        {
            "class": "share-bar",
            "width": "100%",
            "height": 8,
            "role": "img",
            "aria-label": value_text(ratio, Unit.SHARE),
        },
        bar,
    )


@register.filter
def size(number_of_bytes: float | None) -> str:
    return size_text(None if number_of_bytes is None else round(number_of_bytes))


@register.filter
def masks_marked(text: str) -> SafeString:
    """The text with each mask coloured but still spelled out: what is copied is what is shown."""
    parts: list[str] = []
    for index, part in enumerate(_MASK.split(text)):
        parts.append(tag("span", {"class": "mask-text"}, part) if index % 2 else part)
    return together(parts)
