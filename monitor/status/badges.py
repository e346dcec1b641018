"""What badges of a monitor say, and the same as JSON and in Shields' endpoint form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from monitor.models import Monitor, MonitorHour
from monitor.monitors.hours import hour_of
from monitor.monitors.stats import uptimes
from monitor.monitors.words import STATE_WORDS, state_of
from monitor.status.badge_pictures import color_asked
from monitor.status.words import percent_of

WHATS = (
    "status",
    *("uptime-24h", "uptime-7d", "uptime-30d", "uptime-90d", "uptime-1y"),
    "response",
    "certificate",
)
FORMS = ("svg", "json", "shields")
# Those of Uptime Kuma, darkened until white text on them has the contrast of WCAG AA.
COLORS = {
    "good": "#3d7a14",
    "warn": "#946200",
    "bad": "#c2290a",
    "info": "#1747f5",
    "none": "#6b6b6b",
}
STATE_COLORS = {"up": "good", "slow": "warn", "pending": "warn", "down": "bad", "maintenance": "info"}
GOOD_UPTIME, FAIR_UPTIME = 0.999, 0.99
WARN_DAYS, DOWN_DAYS = 14, 7
MAX_TEXT = 60


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


# --- For programs -------------------------------------------------------------------------------------------


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
