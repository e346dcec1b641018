"""Badges of a monitor as SVG, JSON and Shields' endpoint form. Pure, but for reading how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.html import escape

from monitor.models import Monitor, MonitorHour
from monitor.monitors.hours import hour_of
from monitor.monitors.stats import uptimes
from monitor.monitors.words import STATE_WORDS, state_of
from monitor.status.words import percent_of

WHATS = ("status", "uptime-24h", "uptime-7d", "uptime-30d", "response", "certificate")
FORMS = ("svg", "json", "shields")
# Those of Uptime Kuma, darkened until white text on them has the contrast of WCAG AA.
COLORS = {
    "good": "#3d7a14",
    "warn": "#946200",
    "bad": "#c2290a",
    "info": "#1747f5",
    "none": "#6b6b6b",
    "label": "#444444",
}
STATE_COLORS = {"up": "good", "slow": "warn", "pending": "warn", "down": "bad", "maintenance": "info"}
GOOD_UPTIME, FAIR_UPTIME = 0.999, 0.99
WARN_DAYS, DOWN_DAYS = 14, 7
MAX_TEXT = 60
NAMED_COLORS = frozenset(
    ("brightgreen", "green", "yellowgreen", "yellow", "orange", "red", "blue", "grey", "lightgrey")
)


@dataclass(frozen=True, kw_only=True)
class Badge:
    """`value` is what programs read: a number, a word, or None for nothing known."""

    label: str
    message: str
    color: str
    value: float | str | None


def badge_of(monitor: Monitor, what: str, *, now: datetime, asked: Mapping[str, str]) -> Badge:
    """The badge, with the texts and colours that the address asks for, named as in Uptime Kuma."""
    made = _MAKERS[what.partition("-")[0]](monitor, what, now, asked)
    label = cut(asked.get("label", made.label))
    return Badge(
        label=cut(asked.get("labelPrefix", "")) + label + cut(asked.get("labelSuffix", "")),
        message=cut(asked.get("prefix", "")) + made.message + cut(asked.get("suffix", "")),
        color=color_asked(asked.get("color"), made.color),
        value=made.value,
    )


def unknown_badge() -> Badge:
    """What a key that opens nothing is shown."""
    return Badge(label="status", message="N/A", color=COLORS["none"], value=None)


def _status(monitor: Monitor, what: str, now: datetime, asked: Mapping[str, str]) -> Badge:
    state = state_of(monitor, now=now)
    color = color_asked(asked.get(f"{state}Color"), COLORS[STATE_COLORS.get(state, "none")])
    words = cut(asked.get(f"{state}Label", STATE_WORDS[state].lower()))
    return Badge(label="status", message=words, color=color, value=state)


def _uptime(monitor: Monitor, what: str, now: datetime, asked: Mapping[str, str]) -> Badge:
    window = what.partition("-")[2]
    share = uptimes([monitor.id], window=window, now=now).get(monitor.id)
    label = f"uptime {window}"
    if share is None:
        return Badge(label=label, message="N/A", color=COLORS["none"], value=None)
    color = "good" if share >= GOOD_UPTIME else "warn" if share >= FAIR_UPTIME else "bad"
    return Badge(label=label, message=percent_of(share), color=COLORS[color], value=share)


def _response(monitor: Monitor, what: str, now: datetime, asked: Mapping[str, str]) -> Badge:
    """The average of a day."""
    since = hour_of(now - timedelta(hours=24))
    sums = MonitorHour.objects.filter(monitor_id=monitor.id, hour__gte=since, hour__lte=now).aggregate(
        answers=Sum("answers", default=0), spent=Sum("response_ms", default=0.0)
    )
    if not sums["answers"]:
        return Badge(label="response", message="N/A", color=COLORS["none"], value=None)
    average = sums["spent"] / sums["answers"]
    is_slow = monitor.degraded_ms is not None and average > monitor.degraded_ms
    color = COLORS["warn" if is_slow else "good"]
    return Badge(label="response", message=f"{average:.0f} ms", color=color, value=round(average, 1))


def _certificate(monitor: Monitor, what: str, now: datetime, asked: Mapping[str, str]) -> Badge:
    until = monitor.standing.certificate_until
    if until is None:
        return Badge(label="certificate", message="N/A", color=COLORS["none"], value=None)
    days = (until - now) // timedelta(days=1)
    if days < 0:
        return Badge(label="certificate", message="expired", color=COLORS["bad"], value=days)
    warn, down = whole(asked.get("warnDays"), WARN_DAYS), whole(asked.get("downDays"), DOWN_DAYS)
    color = "bad" if days < down else "warn" if days < warn else "good"
    words = "1 day" if days == 1 else f"{days} days"
    return Badge(label="certificate", message=words, color=COLORS[color], value=days)


_MAKERS: Mapping[str, Any] = {
    "status": _status,
    "uptime": _uptime,
    "response": _response,
    "certificate": _certificate,
}


def cut(text: str) -> str:
    """What fits and can be drawn: no control characters, not too long."""
    return "".join(each for each in text if each.isprintable())[:MAX_TEXT]


def whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 5 else default


def color_asked(text: str | None, default: str) -> str:
    """A name or hex digits, as Shields takes them; anything else is the default."""
    if not text:
        return default
    if text.lower() in NAMED_COLORS:
        return {"brightgreen": "#44cc11", "lightgrey": "#9f9f9f"}.get(text.lower(), text.lower())
    digits = text.removeprefix("#").lower()
    return f"#{digits}" if len(digits) in (3, 6) and set(digits) <= set("0123456789abcdef") else default


# --- Forms -------------------------------------------------------------------------------------------------

# Verdana at 11 px, about: exact widths need the font, and `textLength` makes the text fit what was guessed.
_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'()[] 1"), frozenset("mwMW%@")


def width_of(text: str) -> int:
    return round(sum(4.4 if each in _NARROW else 10 if each in _WIDE else 7 for each in text))


def as_svg(badge: Badge, *, style: str = "flat", label_color: str | None = None) -> str:
    left, right = width_of(badge.label) + 12, width_of(badge.message) + 12
    words = escape(f"{badge.label}: {badge.message}")
    radius = 0 if style == "flat-square" else 3
    dark = color_asked(label_color, COLORS["label"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
        f' aria-label="{words}"><title>{words}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="{radius}"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="{dark}"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{badge.color}"/></g>'
        '<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="6" y="14" textLength="{left - 12}">{escape(badge.label)}</text>'
        f'<text x="{left + 6}" y="14" textLength="{right - 12}">{escape(badge.message)}</text></g></svg>'
    )


def as_json(badge: Badge) -> dict[str, Any]:
    return {"label": badge.label, "message": badge.message, "value": badge.value}


def as_shields(badge: Badge) -> dict[str, Any]:
    """What https://shields.io/endpoint reads."""
    return {
        "schemaVersion": 1,
        "label": badge.label,
        "message": badge.message,
        "color": badge.color.removeprefix("#"),
        "isError": badge.value is None,
        "cacheSeconds": 300,
    }
