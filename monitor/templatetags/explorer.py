"""Tags of the log table: values that can be searched for, and the bars of the rail."""

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.charts.svg import percent, tag
from monitor.lib.addresses import address_with
from monitor.search.language import Compared, Exactly, Field, Holds, Term, write_term

register = template.Library()
# The least part of a bar that is seen.
SEEN = 0.005


@register.simple_tag
def term(field: str, value: object) -> SafeString:
    """The attributes of a value that explorer.js offers to search for, exclude and copy."""
    return format_html('data-term="{}" data-value="{}"', write_term(term_for(Field(field), value)), value)


def term_for(field: Field, value: object) -> Term:
    if field == Field.STATUS:
        return Term(field=field, value=Compared(operator="=", number=float(str(value))))
    if field == Field.PATH:
        return Term(field=field, value=Holds(text=str(value)))
    return Term(field=field, value=Exactly(text=str(value)))


@register.simple_tag
def share_bar(share: float) -> SafeString:
    """A tiny bar, full at 1. A length is said by an attribute: inline styles are against the policy."""
    return tag(
        "svg",
        {"class": "facet-bar", "height": 3, "aria-hidden": "true"},
        tag("rect", {"width": percent(share), "height": 3, "rx": 1.5}),
    )


@register.simple_tag
def span_bar(start: float, share: float) -> SafeString:
    """Where in a whole, from 0 to 1, something ran, and how long. What took no time at all is still seen."""
    return tag(
        "svg",
        {"class": "span-bar", "height": 8, "aria-hidden": "true"},
        tag("rect", {"class": "span-whole", "y": 3.5, "width": "100%", "height": 1}),
        tag(
            "rect",
            {"x": percent(min(start, 1 - SEEN)), "width": percent(max(share, SEEN)), "height": 8, "rx": 2},
        ),
    )


@register.simple_tag(takes_context=True)
def with_search(context: Context, more: str) -> str:
    """The page's own query string with `more` said in its search."""
    query = context["request"].GET
    return address_with(query, {"q": f"{query.get('q', '')} {more}".strip()})
