"""Domains of status pages: a Host that no setting names is looked up in the database, and gets its page.

ALLOWED_HOSTS stays what it is, so nothing else of the product answers there: no sign-in, no API, no admin.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port, validate_host

from monitor.api.errors import DATABASE_AWAY
from monitor.models import StatusPage
from monitor.status.copies import read_copy
from monitor.status.doors import door_of
from monitor.status.public import Asked, answer
from monitor.status.rendering import is_part


class StatusDomainMiddleware:
    """Stands before what judges the Host by settings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        domain, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
        part = request.path.removeprefix("/")
        if not domain or validate_host(domain, settings.ALLOWED_HOSTS):
            return self.get_response(request)
        asked = Asked(name=domain, is_domain=True, part=part)
        door = door_of(asked)
        if not is_part(part) and door is None:
            return self.get_response(request)
        # Who leaves may do so from a page that is hidden; all else is 404 there by itself.
        if not is_of_a_page(domain, hidden_too=door is not None):
            return self.get_response(request)
        if urlsplit(settings.PUBLIC_URL).scheme == "https" and not request.is_secure():
            return HttpResponseRedirect(f"https://{domain}{request.path}")
        return door(request) if door is not None else answer(request, asked)


def is_of_a_page(domain: str, *, hidden_too: bool = False) -> bool:
    """Asked of the database each time: one small read for readers that the cache did not answer."""
    try:
        shown = StatusPage.objects.filter(domain=domain)
        return (shown if hidden_too else shown.filter(is_published=True)).exists()
    except DATABASE_AWAY:
        return read_copy(domain, "") is not None
