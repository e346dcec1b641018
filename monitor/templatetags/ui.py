"""Tags for the parts that pages are composed of; static/css/base.css shows how each looks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from django import template
from django.template import Context
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from monitor.charts.scales import Unit, moment_iso, value_text
from monitor.charts.svg import percent, tag, together
from monitor.lib.addresses import address_with, address_without
from monitor.lib.json_text import Token, tokens_of
from monitor.lib.masking import MASK

from .icons import ICONS

register = template.Library()

# Inside urls and form bodies the mask may stand percent-encoded.
_MASKS = re.compile(r"(?:\*|%2A){3}MASKED(?:\*|%2A){3}", re.IGNORECASE)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of ours, as high as the text around it; `label` names it where no words stand beside it."""
    return tag(
        "svg",
        {
            "class": f"icon icon-{name}",
            "viewBox": "0 0 16 16",
            "role": "img" if label else None,
            "aria-label": label or None,
            "aria-hidden": None if label else "true",
        },
        mark_safe(ICONS[name]),  # noqa: S308 - our own constants
    )


# --- Signals -----------------------------------------------------------------------------------------------

# Class of a status -> the glyph beside its number, so that it is told without colour.
_STATUS_ICONS = {
    "2xx": "check",
    "3xx": "arrow-right",
    "4xx": "warn",
    "5xx": "cross",
    "none": "dash",
}


@register.filter
def status_class(status_code: int | None) -> str:
    """2xx, 3xx, 4xx or 5xx; `none` without an answer and for codes outside 200-599."""
    if status_code is None or not 200 <= status_code <= 599:
        return "none"
    return f"{status_code // 100}xx"


@register.simple_tag
def status_mark(status_code: int | None) -> SafeString:
    """A status code in the colour of its class, with the glyph of its class."""
    kind = status_class(status_code)
    words = "no answer" if status_code is None else str(status_code)
    return tag("span", {"class": f"status status-{kind}"}, icon(_STATUS_ICONS[kind]), words)


@register.simple_tag
def method(name: str) -> SafeString:
    """An HTTP method; those that may change something stand bolder."""
    reads = name.upper() in {"GET", "HEAD", "OPTIONS", "TRACE"}
    return tag("span", {"class": "method" if reads else "method method-write"}, name)


@register.filter
def duration(latency_ms: float | None) -> str:
    """Milliseconds in words: 12.3 ms, 12.345 s; a dash when none was measured."""
    return value_text(latency_ms, Unit.MILLISECONDS)


@register.simple_tag
def latency(latency_ms: float | None, full_ms: float | None = None) -> SafeString:
    """A duration with a bar that is full at `full_ms` (the endpoint's p95, say); slower ones are marked."""
    words = tag("span", None, duration(latency_ms))
    if latency_ms is None or not full_ms:
        return tag("span", {"class": "latency"}, words)
    is_slow = latency_ms > full_ms
    bar = tag(
        "svg",
        {"class": "latency-bar", "width": 40, "height": 4, "aria-hidden": "true"},
        tag("rect", {"width": percent(min(latency_ms / full_ms, 1.0)), "height": 4, "rx": 2}),
    )
    return tag("span", {"class": "latency latency-slow" if is_slow else "latency"}, words, bar)


@register.simple_tag
def masked(rule: str = "") -> SafeString:
    """The sign of a value that was hidden before it was stored; `rule` tells which rule hid it."""
    title = f"Masked before it was stored: {rule}" if rule else "Masked before it was stored"
    return tag("span", {"class": "masked", "title": title}, icon("lock"), "masked")


@register.simple_tag
def maybe_masked(value: str) -> SafeString:
    """`value` as text, each mask within it under its lock."""
    parts: list[str] = []
    for index, part in enumerate(_MASKS.split(str(value))):
        parts.extend([masked(), part] if index else [part])
    return together(parts)


@register.simple_tag
def uptime(share: float) -> SafeString:
    """A share of time in per cent. Never rounded up to 100: an outage that was there stays visible."""
    shown = math.floor(share * 100_000) / 1000
    words = "100 %" if share >= 1 else f"{shown:.3f}".rstrip("0").rstrip(".") + " %"
    return tag("span", {"class": "mono"}, words)


@register.filter
def seconds(value: float | None) -> str:
    """A length of time in words: 42 s, 3 min 20 s, 5 h 12 min, 3 d 4 h."""
    left = int(value or 0)
    for (size, word), (smaller, small_word) in pairwise(((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))):
        if left >= size:
            rest = left % size // smaller
            return f"{left // size} {word}" + (f" {rest} {small_word}" if rest else "")
    return f"{left} s"


# --- Time --------------------------------------------------------------------------------------------------


@register.simple_tag
def moment(at: datetime | None, form: str = "clock") -> SafeString:
    """A moment in UTC, which times.js rewrites in the reader's zone; the exact value shows on hover.

    `form` is clock (21 Nov 14:05:03), relative (3 min ago, where scripts run) or moment (in full).
    """
    if at is None:
        return tag("span", {"class": "dim"}, "never")
    at = at.astimezone(UTC)
    exact = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"
    text = f"{at.day} {at:%b %H:%M:%S}" if form == "clock" else f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return tag("time", {"datetime": moment_iso(at), "data-time-form": form, "title": exact}, text)


# --- Text of others ----------------------------------------------------------------------------------------

_TOKEN_CLASSES = {"key": "j-key", "string": "j-str", "number": "j-num", "atom": "j-atom"}


@register.filter
def json_view(text: str) -> SafeString:
    """A JSON text indented and coloured, its numbers and strings untouched; masks are under a lock.

    Anything else is given back as it is. Cut JSON is shown up to the cut.
    """
    tokens = tokens_of(text)
    if tokens is None:
        return maybe_masked(text)
    return together(_token(token) for token in tokens)


def _token(token: Token) -> SafeString:
    if token.text.strip('"') == MASK:
        return masked()
    css_class = _TOKEN_CLASSES.get(token.kind)
    if css_class is None:
        return SafeString(conditional_escape(token.text))
    return tag("span", {"class": css_class}, maybe_masked(token.text))


# --- Shell -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NavEntry:
    """A line of the main menu. `section` is the name that pages know it by."""

    section: str
    words: str
    icon: str
    for_managers: bool = False

    @property
    def url_name(self) -> str:
        return f"pages:{self.section}"


@dataclass(frozen=True, kw_only=True)
class NavGroup:
    """Lines that belong together. The first group is what everybody came for, and needs no words."""

    words: str
    entries: tuple[NavEntry, ...]


NAV = (
    NavGroup(
        words="",
        entries=(
            NavEntry(section="services", words="Services", icon="services"),
            NavEntry(section="logs", words="Logs", icon="logs"),
            NavEntry(section="metrics", words="Metrics", icon="metrics"),
            NavEntry(section="endpoints", words="Endpoints", icon="endpoints"),
            NavEntry(section="consumers", words="Consumers", icon="user"),
            NavEntry(section="issues", words="Issues", icon="warn"),
        ),
    ),
    NavGroup(
        words="Watch and tell",
        entries=(
            NavEntry(section="monitors", words="Monitors", icon="monitors"),
            NavEntry(section="alerts", words="Alerts", icon="alert"),
            NavEntry(section="channels", words="Channels", icon="channel"),
            NavEntry(section="webhooks", words="Webhooks", icon="webhook"),
        ),
    ),
    NavGroup(
        words="Manage",
        entries=(
            NavEntry(section="people", words="People", icon="people", for_managers=True),
            NavEntry(section="audit", words="Audit log", icon="key", for_managers=True),
            NavEntry(section="usage", words="Usage", icon="usage", for_managers=True),
            NavEntry(section="storage", words="Storage", icon="storage", for_managers=True),
            NavEntry(section="health", words="Health", icon="health", for_managers=True),
        ),
    ),
)


@register.simple_tag(takes_context=True)
def nav_groups(context: Context) -> list[NavGroup]:
    """The main menu, in its order, with what this visitor may open."""
    if context.get("may_manage_any"):
        return list(NAV)
    open_to_all = [
        replace(group, entries=tuple(entry for entry in group.entries if not entry.for_managers))
        for group in NAV
    ]
    return [group for group in open_to_all if group.entries]


@register.simple_tag(takes_context=True)
def section_of_page(context: Context) -> str:
    """The section a page says it belongs to (`section` in its context), else the one whose list it is."""
    if context.get("section"):
        return str(context["section"])
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    return match.url_name or "" if match else ""


@register.simple_tag(takes_context=True)
def with_query(context: Context, **changes: object) -> str:
    """The page's own query string with `changes`; None and "" take a parameter out.

    A new filter begins at the newest log again, so `cursor` and `offset` go too unless they are given.
    """
    return address_with(context["request"].GET, changes)


@register.simple_tag(takes_context=True)
def query_without(context: Context, name: str) -> str:
    """The page's own query string that asks nothing of `name`, also where it was picked for all pages."""
    return address_without(context["request"].GET, name)
