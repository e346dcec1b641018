"""Words of status pages."""

from django import template

from monitor.status.words import percent_of

register = template.Library()
register.filter("as_percent", percent_of)
