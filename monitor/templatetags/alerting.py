"""Tags of the alerts' pages, and the way to them from everywhere else."""

import math
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from monitor.alerts.states import state_of
from monitor.charts.svg import tag
from monitor.models import AlertRule, Monitor, RequestLog
from monitor.models.alerts import length_text
from monitor.templatetags.ui import icon

register = template.Library()


@register.filter
def worst_state(rule: AlertRule) -> str | None:
    """The worst state of a rule's groups."""
    return state_of(rule)


@register.filter
def whole(number: float | None) -> str:
    """A number to begin with, rounded up; nothing of none."""
    return "" if number is None else str(math.ceil(number))


@register.filter
def budget_left(part: float | None) -> str:
    """What is left of a budget, as a part of it, in per cent; below 0 how many times it was used."""
    if part is None:
        return ""
    if part >= 0:
        return f"{100 * part:.3g} % left"
    times = 1 - part
    return f"overdrawn: used {times:,.0f} times" if times >= 10 else f"overdrawn: used {times:.1f} times"


@register.filter
def length_of(length: timedelta) -> str:
    """`5 min`, `6 h`."""
    return length_text(int(length.total_seconds()))


@register.simple_tag
def alert_on(words: str, **said: object) -> SafeString:
    """A link to the form of a rule that says this already; what is empty is left out."""
    address = address_of(said)
    return tag("a", {"class": "btn btn-small btn-quiet alert-on", "href": address}, icon("alert"), words)


@register.simple_tag
def alert_on_row(words: str, **said: object) -> SafeString:
    """The same as an icon, for rows."""
    return icon_to(address_of(said), words, "alert-on")


@register.simple_tag
def alert_on_monitor(monitor: Monitor) -> SafeString:
    """To where a monitor says what is too slow, as an icon: that it is down is told without."""
    return icon_to(slow_address(monitor, None), "Alert when it is slow", "alert-on")


@register.simple_tag
def alert_on_slow_monitor(monitor: Monitor, slow_ms: float | None) -> SafeString:
    """The same as a link, with a limit that is said already."""
    link = {"class": "btn btn-small btn-quiet alert-on", "href": slow_address(monitor, slow_ms)}
    return tag("a", link, icon("alert"), "Alert when it is slow")


def slow_address(monitor: Monitor, slow_ms: float | None) -> str:
    said = f"?degraded_ms={whole(slow_ms)}" if slow_ms else ""
    return f"{reverse('pages:monitor-edit', args=[monitor.id])}{said}#monitor_degraded_ms"


@register.simple_tag
def alert_on_log(log: RequestLog) -> SafeString:
    """The same for a row of the log table: the rule that fits how the request went."""
    return icon_to(address_of(said_by(log)), "Alert on requests like this", "only alert-on-log")


@register.simple_tag
def alerts_on_log(log: RequestLog) -> list[tuple[str, str]]:
    """What one may want to be told of after reading a log: words, and the address of a form that says it."""
    said = said_by(log)
    found = [("When this endpoint goes on like this", address_of(said))]
    if log.consumer is not None:
        whose = {**said, "consumer": log.consumer.identifier}
        found.append(("When it does so for this consumer", address_of(whose)))
    if log.status_code is not None:
        of_each = {
            "service_id": log.service_id,
            "condition_field": "status_code",
            "condition_operator": "==",
            "condition_value": log.status_code,
        }
        found.append(
            (f"On each request with {log.status_code}", f"{reverse('pages:alerts')}?{urlencode(of_each)}#new")
        )
    return found


def said_by(log: RequestLog) -> dict[str, object]:
    """A rule on the log's endpoint: on its errors, its refusals or its latency, whatever this one is."""
    said: dict[str, object] = {
        "service_id": log.service_id,
        "endpoint_id": log.endpoint_id,
        "environment": log.environment,
        "min_requests": 20,
    }
    if log.error is not None or (log.status_code or 0) >= 500:
        return {**said, "measure": "error_rate", "threshold": 5}
    if 400 <= (log.status_code or 0) < 500:
        return {**said, "measure": "status_share", "status_class": "4xx", "threshold": 20}
    return {**said, "measure": "p95_latency", "threshold": whole(log.latency_ms)}


def address_of(said: Mapping[str, object]) -> str:
    """The form of a rule that says this already; what is empty is left out."""
    known = {name: str(value) for name, value in said.items() if value not in (None, "")}
    return f"{reverse('pages:alert-new')}?{urlencode(known)}"


def icon_to(address: str, words: str, css_class: str) -> SafeString:
    return tag("a", {"class": css_class, "href": address, "title": words}, icon("alert", words))
