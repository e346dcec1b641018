"""When a domain's registration ends, as its registry tells: RDAP, RFC 9083."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q

from monitor.lib.outbound import OutboundError, OutboundPolicy, UnusableUrl, send
from monitor.models import Monitor, MonitorExpiry, MonitorStanding
from monitor.models.monitors import ExpiringThing

logger = logging.getLogger(__name__)
ASK_AGAIN_AFTER = timedelta(days=1)
# Registries answer a few questions a minute; those that are left over come next hour.
MOST_A_ROUND = 30
TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 1024 * 1024
# The bootstrap server, the registry, and the registrar's own host.
MAX_REDIRECTS = 4
# shop.eu.example.co.uk: names are shortened from the left until a registry knows one.
MOST_NAMES = 4


class NoAnswer(Exception):
    """A registry that could not be asked, or said nothing of use; in one plain sentence."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The name that is registered, and when that ends; None where the registry does not tell."""

    name: str
    until: datetime | None


def ask_registries(*, now: datetime) -> int:
    """Ask about watched domains that were not asked about for a day. Gives how many were."""
    asked_lately = MonitorExpiry.objects.filter(
        what=ExpiringThing.DOMAIN, asked_at__gt=now - ASK_AGAIN_AFTER
    ).values("monitor_id")
    due = Monitor.objects.filter(is_active=True, watches_domain=True).exclude(Q(id__in=asked_lately))
    known: dict[str, Registration | NoAnswer] = {}
    asked = 0
    for monitor in due.order_by("id")[:MOST_A_ROUND]:
        host = host_of(monitor)
        if host not in known:
            known[host] = found_or_error(host)
        write_down(monitor, known[host], now=now)
        asked += 1
    return asked


def found_or_error(host: str) -> Registration | NoAnswer:
    try:
        return registration_of(host)
    except NoAnswer as error:
        return error


def write_down(monitor: Monitor, found: Registration | NoAnswer, *, now: datetime) -> None:
    problem = ""
    if isinstance(found, NoAnswer):
        problem = str(found)[:200]
        logger.warning("The domain of monitor %s could not be looked up", monitor.id)
    else:
        MonitorStanding.objects.filter(monitor=monitor).update(domain_until=found.until)
    MonitorExpiry.objects.update_or_create(
        monitor=monitor, what=ExpiringThing.DOMAIN, defaults={"asked_at": now, "problem": problem}
    )


def host_of(monitor: Monitor) -> str:
    """The host that it looks at, empty for an address without a name."""
    config = monitor.config
    host = urlsplit(str(config.get("url") or "")).hostname or str(config.get("host") or "")
    try:
        ip_address(host)
    except ValueError:
        return host.rstrip(".").lower()
    return ""


def registration_of(host: str) -> Registration:
    """Asked for the name itself, and then for what it is part of. Raises NoAnswer."""
    labels = host.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels) - 1)][-MOST_NAMES:]
    if not names:
        raise NoAnswer("It has no domain.")
    for name in names:
        told = asked_of_registry(name)
        if told is not None:
            return Registration(name=name, until=end_told(told))
    raise NoAnswer(f"No registry knows {names[-1]}.")


def asked_of_registry(name: str) -> dict[str, Any] | None:
    """What the registry tells of it, None when it knows no such name. Raises NoAnswer."""
    try:
        ascii_name = name.encode("idna").decode()
        answer = send(
            "GET",
            f"{settings.RDAP_URL.rstrip('/')}/domain/{ascii_name}",
            headers=[("Accept", "application/rdap+json")],
            policy=OutboundPolicy(allow=settings.OUTBOUND_ALLOW, allow_loopback=settings.QUICK_START),
            timeout_s=TIMEOUT_S,
            max_response_bytes=MAX_ANSWER_BYTES,
            max_redirects=MAX_REDIRECTS,
        )
    except (OutboundError, UnusableUrl, UnicodeError) as error:
        raise NoAnswer(f"The registry could not be asked: {error}") from None
    if answer.status_code in (400, 404):
        return None
    if answer.status_code != 200:
        raise NoAnswer(f"The registry said {answer.status_code}.")
    try:
        told = json.loads(answer.body)
    except ValueError:
        raise NoAnswer("The registry's answer is no JSON.") from None
    if not isinstance(told, dict):
        raise NoAnswer("The registry's answer is none of a domain.")
    return told


def end_told(told: dict[str, Any]) -> datetime | None:
    """The moment of the event `expiration`."""
    events = told.get("events")
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and event.get("eventAction") == "expiration":
            try:
                moment = datetime.fromisoformat(str(event.get("eventDate")))
            except ValueError:
                raise NoAnswer("The registry's date cannot be read.") from None
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
