"""What a browser keeps looking at: live or test requests, and one environment.

Kept in a cookie, as the columns of the log table are: visitors of a quick start have no session, and nothing
about it is worth a row. Pages never read it beside their address. They lead to an address that says it, so
everything on a page, and whoever it is shared with, goes by the address alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict

from monitor.lib.actors import Actor
from monitor.lib.addresses import PICKED_NAMES, address_with
from monitor.models import MetricRollup, Service
from monitor.models.keys import Mode
from monitor.models.metrics import Family, Resolution
from monitor.search.language import BadQuery, Field, parse

COOKIE = "picked"
REMEMBERED_S = 400 * 86_400
MAX_ENVIRONMENT_CHARS = 64
# Those a picker offers; any other can be written.
OFFERED = 50
OFFERED_FROM = timedelta(days=31)
# Where browsers say that a request comes from our own pages.
OWN_PAGES = ("same-origin", "")


@dataclass(frozen=True, kw_only=True)
class Picked:
    """Empty means all."""

    mode: str = ""
    environment: str = ""

    @classmethod
    def of(cls, mode: str, environment: str) -> "Picked":
        """What was sent, as far as it can be picked."""
        clean = environment.strip().replace("\x00", "")[:MAX_ENVIRONMENT_CHARS]
        return cls(mode=mode if mode in Mode.values else "", environment=clean)

    @property
    def values(self) -> dict[str, str]:
        """What is picked, by the name that addresses have for it."""
        named = {"mode": self.mode, "environment": self.environment}
        return {name: value for name, value in named.items() if value}

    def __bool__(self) -> bool:
        return bool(self.values)


def picked_of(request: HttpRequest) -> Picked:
    kept = parse_qs(request.COOKIES.get(COOKIE, ""))
    return Picked.of(kept.get("mode", [""])[0], kept.get("environment", [""])[0])


def keep_picked(response: HttpResponse, picked: Picked) -> None:
    if not picked:
        response.delete_cookie(COOKIE)
        return
    response.set_cookie(
        COOKIE,
        urlencode(picked.values),
        max_age=REMEMBERED_S,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )


def address_as_picked(request: HttpRequest, names: Iterable[str] = PICKED_NAMES) -> str | None:
    """The query string with what was picked of `names`, where it says nothing of it; None: nothing to add.

    An empty `environment=` says: all of them. An address that says something and was opened from elsewhere, a
    link in a mail, is taken as it is: who sent it looked at that.
    """
    if request.GET and request.headers.get("Sec-Fetch-Site", "") not in OWN_PAGES:
        return None
    picked = picked_of(request).values
    missing = {name: picked[name] for name in names if name in picked and name not in request.GET}
    if "environment" in missing and names_environment(request.GET.get("q", "")):
        del missing["environment"]
    if not missing:
        return None
    places = {name: request.GET[name] for name in ("cursor", "offset") if request.GET.get(name)}
    return address_with(request.GET, {**places, **missing})


def said_empty(request: HttpRequest) -> tuple[str, ...]:
    """The names of which an empty value in the address says more than no value: those that are picked."""
    return tuple(picked_of(request).values)


def names_environment(q: str) -> bool:
    """Whether the search itself says which environment."""
    try:
        return bool(parse(q).of(Field.ENVIRONMENT))
    except BadQuery:
        return False


def environments_of(actor: Actor, *, now: datetime) -> list[str]:
    """Those that the actor's services were called in lately, by the rollups of days."""
    services = list(Service.objects.visible_to(actor).values_list("id", flat=True))
    named = MetricRollup.objects.filter(
        service__in=services,
        family=Family.TOTAL,
        resolution__in=[Resolution.DAY, Resolution.HOUR],
        start__gte=now - OFFERED_FROM,
    ).exclude(environment="")
    return list(named.order_by("environment").values_list("environment", flat=True).distinct()[:OFFERED])


def without_picked(query: QueryDict) -> str:
    """The query string, which says nothing of what can be picked any more."""
    return address_with(query, dict.fromkeys(PICKED_NAMES))
