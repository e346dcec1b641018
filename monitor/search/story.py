"""What is known around one log: its alerts, its replays, its neighbours, and how its latency compares."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from monitor.lib.time_limit import TookTooLong
from monitor.models import AlertEvent, Replay, RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.search.walk import Walk
from monitor.search.window import Window

MOST_SHOWN = 20
# Calls of the same endpoint that a latency is held against, and how many make a comparison worth telling.
COMPARED = 500
LEAST_COMPARED = 20
TIME = timedelta(milliseconds=100)
# On either side, where neighbours usually are.
NEAR = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a latency compares with `others` calls of its endpoint before it; `faster` of them took less."""

    faster: int
    others: int

    @property
    def words(self) -> str:
        percent = self.faster * 100 // self.others
        if percent >= 50:
            return f"slower than {percent} % of its endpoint"
        return f"faster than {100 - percent} % of its endpoint"


@dataclass(frozen=True, kw_only=True)
class Story:
    """`newer` and `older` are the calls of the same service right after and right before."""

    events: list[AlertEvent]
    replays: list[Replay]
    newer: RequestLog | None
    older: RequestLog | None
    standing: Standing | None


def tell_story(log: RequestLog, visible: RequestLogQuerySet, *, now: datetime) -> Story:
    """Everything comes from logs that the reader can see: `visible`."""
    kept = Window.of(None, None, now=now)
    neighbours = visible.filter(service_id=log.service_id).within(kept.since, kept.until)
    events = AlertEvent.objects.filter(log_id=log.id, rule__service_id=log.service_id)
    replays = Replay.objects.filter(original_log_id=log.id, service_id=log.service_id)
    newer, older = neighbours_of(log, neighbours)
    return Story(
        events=list(events.select_related("rule").order_by("-id")[:MOST_SHOWN]),
        replays=list(replays.order_by("-id")[:MOST_SHOWN]),
        newer=newer,
        older=older,
        standing=standing_of(log, visible, kept),
    )


def neighbours_of(log: RequestLog, calls: RequestLogQuerySet) -> tuple[RequestLog | None, RequestLog | None]:
    """The call right after and the one right before: looked for in the days beside it, then in all.

    To plan a look into thirty days takes longer than to look into three.
    """
    near = calls.within(log.captured_at - NEAR, log.captured_at + NEAR)
    found: list[RequestLog] = []
    for among in (near, calls):
        named = among.only("id", "method", "path")
        newer = named.filter(id__gt=log.id).order_by("id")[:1]
        found = list(newer.union(named.filter(id__lt=log.id).order_by("-id")[:1], all=True))
        if len(found) == 2:
            break
    return (
        next((each for each in found if each.id > log.id), None),
        next((each for each in found if each.id < log.id), None),
    )


def standing_of(log: RequestLog, visible: RequestLogQuerySet, kept: Window) -> Standing | None:
    """Held against the calls right before it, as far back as they are found in time."""
    if log.latency_ms is None or log.endpoint_id is None:
        return None
    calls = visible.filter(endpoint_id=log.endpoint_id, latency_ms__isnull=False)
    # Plain values: five hundred models were a fifth of the page.
    values = cast(RequestLogQuerySet, calls.values_list("id", "latency_ms", named=True))
    try:
        others = Walk.within(values, kept.since, kept.until, limit=TIME, after=log.id).take(COMPARED)
    except TookTooLong:
        return None
    if len(others) < LEAST_COMPARED:
        return None
    faster = sum(other.latency_ms is not None and other.latency_ms < log.latency_ms for other in others)
    return Standing(faster=faster, others=len(others))
