"""Tags of the alerts' pages, and the way to them from everywhere else."""

import math
from datetime import timedelta
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from monitor.alerts.states import state_of
from monitor.charts.svg import tag
from monitor.models import AlertRule
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
def share(part: float | None) -> str:
    """A part of one in per cent; below 0 it is overdrawn."""
    return "" if part is None else f"{100 * part:.3g} %"


@register.filter
def length_of(length: timedelta) -> str:
    """`5 min`, `6 h`."""
    return length_text(int(length.total_seconds()))


@register.simple_tag
def alert_on(words: str, **said: object) -> SafeString:
    """A link to the form of a rule that says this already; what is empty is left out."""
    known = {name: str(value) for name, value in said.items() if value not in (None, "")}
    address = f"{reverse('pages:alert-new')}?{urlencode(known)}"
    return tag("a", {"class": "btn btn-small btn-quiet alert-on", "href": address}, icon("alert"), words)


@register.simple_tag
def alert_on_row(words: str, **said: object) -> SafeString:
    """The same as an icon, for rows."""
    known = {name: str(value) for name, value in said.items() if value not in (None, "")}
    address = f"{reverse('pages:alert-new')}?{urlencode(known)}"
    return tag("a", {"class": "alert-on", "href": address, "title": words}, icon("alert", words))
