"""The processes of a service, as their clients tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from monitor.models import Instance, Service
from monitor.models.clients import SILENT_AFTER

# Processes that ended longer ago are not shown: each deployment leaves some behind.
SHOWN_FOR = timedelta(days=1)
MAX_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A process, and whether it has missed its reports."""

    instance: Instance
    is_silent: bool


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """An environment of which no process is heard any more."""

    environment: str
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Instances:
    rows: Sequence[Shown]
    more: int
    quiet: Sequence[Quiet]


def instances_of(service: Service, *, now: datetime) -> Instances:
    """The processes that were heard of in the last day, the newest first, in two queries."""
    known = Instance.objects.filter(service=service)
    recent = known.filter(last_seen_at__gte=now - SHOWN_FOR).order_by("-last_seen_at", "-id")
    shown = list(recent[: MAX_SHOWN + 1])
    heard = known.values_list("environment").annotate(last=Max("last_seen_at")).order_by("environment")
    return Instances(
        rows=[Shown(instance=each, is_silent=each.is_silent(now)) for each in shown[:MAX_SHOWN]],
        more=max(recent.count() - MAX_SHOWN, 0) if len(shown) > MAX_SHOWN else 0,
        quiet=[
            Quiet(environment=environment, last_seen_at=last)
            for environment, last in heard
            if last < now - SILENT_AFTER
        ],
    )
