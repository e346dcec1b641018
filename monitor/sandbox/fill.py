"""Fill a service with made-up requests in test mode, by the pipeline that all logs go through."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from monitor.ingest import LogItem, accept
from monitor.ingest.entry import Sender
from monitor.models import Organization, Service
from monitor.models.keys import Mode
from monitor.sandbox.traffic import traffic

NAME = "sandbox"
# A second or so; more by asking again.
MOST_REQUESTS = 5_000
# As long as any service keeps logs.
MOST_HOURS = 24 * 30
BATCH = 1_000


def sandbox_service(organization: Organization) -> Service:
    """The organization's service for this, made when it is wanted first."""
    service, _ = Service.objects.alive().get_or_create(
        organization=organization,
        name=NAME,
        defaults={"description": "Made-up requests of a shop, in test mode."},
    )
    return service


def in_batches(items: Iterable[LogItem]) -> Iterator[list[LogItem]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def fill(service: Service, *, requests: int, hours: int, now: datetime, chance: random.Random) -> int:
    """How many requests were kept: those that rules of the service exclude are not."""
    sender = Sender.of_service(service, mode=Mode.TEST)
    oldest = service.retention.oldest_kept(now, failed=False)
    made = traffic(count=requests, since=max(now - timedelta(hours=hours), oldest), until=now, chance=chance)
    items = (msgspec.convert(log, LogItem) for log in made)
    return sum(len(accept(batch, sender, now=now).entries) for batch in in_batches(items))
