"""Tags of the pages of services, alerts and replays."""

from django import template
from django.utils.safestring import SafeString

from monitor.charts import sparkline
from monitor.charts.scales import Unit, value_text
from monitor.charts.svg import tag, together
from monitor.models import Replay
from monitor.models.alerts import MOST_COUNTED
from monitor.services.hour import LastHour
from monitor.templatetags.ui import maybe_masked

register = template.Library()

# Below this, a difference is the weather of the network.
SAME_LATENCY_MS = 1
SIZE_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@register.filter
def grouped(number: int) -> str:
    """12,345."""
    return f"{number:,}"


@register.filter
def size(size_bytes: int | None) -> str:
    """1.4 MiB."""
    if size_bytes is None:
        return "unknown"
    power = min(max(size_bytes.bit_length() - 1, 0) // 10, len(SIZE_UNITS) - 1)
    value = size_bytes / 1024**power
    digits = 0 if not power or value >= 100 else 1
    return f"{value:,.{digits}f} {SIZE_UNITS[power]}"


@register.simple_tag
def hour_bars(hour: LastHour) -> SafeString:
    """The last hour as bars of five minutes."""
    return sparkline(hour.bars, label="Requests by five minutes", css_class="series-plain")


@register.simple_tag
def error_share(hour: LastHour) -> SafeString:
    """The share of requests that failed; marked when there are any, so that zero stays quiet."""
    if not hour.requests:
        return tag("span", {"class": "dim"}, "—")
    share = hour.error_percent
    # A single failure among a million must not read as none.
    words = "< 0.1 %" if 0 < share < 0.1 else f"{share:.0f} %" if share in (0, 100) else f"{share:.1f} %"
    failed = "failed" if hour.errors != 1 else "failed request"
    title = f"{hour.errors:,} {failed} of {hour.requests:,}"
    return tag("span", {"class": "errors-some" if hour.errors else "dim", "title": title}, words)


@register.simple_tag
def event_count(count: int) -> SafeString:
    """A number of events; one that was counted to the limit says that there are more."""
    words = f"{MOST_COUNTED:,}+" if count >= MOST_COUNTED else f"{count:,}"
    return tag("span", {"class": "events-some" if count else "dim"}, words)


_FAULTS = {
    "dns": "no such name",
    "connect": "no connection",
    "tls": "TLS failed",
    "timeout": "timed out",
    "protocol": "not HTTP",
    "blocked": "not allowed",
    "internal": "a fault of ours",
}


@register.filter
def fault(error_class: str) -> str:
    """Why nothing came back, in words; a class without words of its own as it is."""
    return _FAULTS.get(error_class, error_class)


@register.simple_tag
def header_value(value: str | list[str]) -> SafeString:
    """A header's value, or its values line by line, with masks under their lock."""
    values = value if isinstance(value, list) else [value]
    return together(tag("div", None, maybe_masked(each)) for each in values)


@register.simple_tag
def changed_parts(record: Replay) -> SafeString:
    """What of the original was changed for this replay, in a few words."""
    headers = sorted(record.overrides.get("override_headers") or {})
    parts = [
        *(["URL"] if "override_url" in record.overrides else []),
        *headers,
        *(["body"] if "override_body" in record.overrides else []),
    ]
    return tag("span", {"class": None if parts else "dim"}, ", ".join(parts) or "nothing")


@register.filter
def latency_change(change_ms: float) -> str:
    """A difference in words: 12 ms faster."""
    if abs(change_ms) < SAME_LATENCY_MS:
        return "about the same"
    return f"{value_text(abs(change_ms), Unit.MILLISECONDS)} {'slower' if change_ms > 0 else 'faster'}"
