"""What is asked of the numbers, and whether rollups can tell."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from monitor.metrics import rollups, tiles
from monitor.metrics.counted import Place
from monitor.metrics.folds import Standing, standing
from monitor.metrics.tiles import Plan
from monitor.models import Consumer, Service
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Family, Resolution
from monitor.models.partitions import existing_days, start_of
from monitor.models.services import longest_retention_days
from monitor.search import LogFilter

# Senders' clocks may be this far ahead; nothing lies beyond.
AHEAD = timedelta(minutes=5, seconds=1)
# How each filter is answered: by which family. Those that are not here only the logs can tell.
EVERYWHERE = frozenset({"service_id", "environment", "mode"})
OF_ANSWERS = frozenset({"method", "status_code", "status_class"})


class GroupBy(StrEnum):
    ENDPOINT = "endpoint"
    METHOD = "method"
    STATUS_CLASS = "status_class"
    CONSUMER = "consumer"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which requests: of these services, within this window, that the filters leave.

    `filters` are those of LogFilter that are set, by name, cleaned, beside the window; `logs` is what they
    leave of the logs. The window is what is really measured: see `ask`.
    """

    service_ids: Sequence[UUID]
    since: datetime
    until: datetime
    now: datetime
    filters: Mapping[str, Any]
    logs: RequestLogQuerySet

    @property
    def is_empty(self) -> bool:
        return not self.service_ids or self.since >= self.until

    def family_for(self, by: GroupBy | None = None) -> Family | None:
        """The family of rollups that answers this, in groups; None where only the logs can."""
        narrowing = self.filters.keys() - EVERYWHERE
        if not narrowing:
            return FAMILIES[by]
        if narrowing <= OF_ANSWERS:
            return Family.ANSWER if FAMILIES[by] in (Family.TOTAL, Family.ANSWER) else None
        for family, name in ((Family.ENDPOINT, "endpoint_id"), (Family.CONSUMER, "consumer")):
            if narrowing == {name} and FAMILIES[by] in (Family.TOTAL, family):
                return family
        return None

    @cached_property
    def counted(self) -> list[Place]:
        """The days whose numbers are the clients' own. Where only the logs can tell, these speak alone."""
        found = self.standing.counted
        asked = {name: self.filters[name] for name in ("environment", "mode") if name in self.filters}
        return [place for place in found if all(getattr(place, name) == asked[name] for name in asked)]

    @cached_property
    def subjects(self) -> list[str] | None:
        """The subjects of endpoint and consumer rollups that are asked for; None for all."""
        if "endpoint_id" in self.filters:
            return [str(self.filters["endpoint_id"])]
        if "consumer" in self.filters:
            named = Consumer.objects.filter(identifier=self.filters["consumer"])
            return [str(id_) for id_ in named.values_list("id", flat=True)]
        return None

    def takes_answer(self, method: str, status_code: int | None) -> bool:
        """Whether the filters on method and status leave requests like this."""
        return all(
            TAKES[name](self.filters[name], method, status_code) for name in OF_ANSWERS & set(self.filters)
        )

    def plan(self, family: Family, *, step: timedelta | None = None) -> Plan:
        """Tiles and edges of the window. With a step, no tile reaches over the end of one."""
        return tiles.lay(
            self.since,
            self.until,
            {
                resolution: rollups.kept_from(
                    resolution, family, now=self.now, hours_from=self.standing.hours_from
                )
                for resolution, length in tiles.LENGTHS.items()
                if rollups.time_kept(resolution, family) and (step is None or step % length == timedelta())
            },
            # Each day has one source: spans of more cannot tell which of theirs counts.
            folded_until=None if self.counted else self.standing.folded_until,
        )

    @cached_property
    def standing(self) -> Standing:
        return standing(self.service_ids, self.since, self.until)


FAMILIES: Mapping[GroupBy | None, Family] = {
    None: Family.TOTAL,
    GroupBy.ENVIRONMENT: Family.TOTAL,
    GroupBy.METHOD: Family.ANSWER,
    GroupBy.STATUS_CLASS: Family.ANSWER,
    GroupBy.ENDPOINT: Family.ENDPOINT,
    GroupBy.CONSUMER: Family.CONSUMER,
}
TAKES: Mapping[str, Callable[[Any, str, int | None], bool]] = {
    "method": lambda asked, method, status_code: bool(asked.upper() == method),
    "status_code": lambda asked, method, status_code: bool(asked == status_code),
    "status_class": lambda asked, method, status_code: (
        status_code is not None and status_code // 100 == int(asked[0])
    ),
}


def ask(*, service_ids: Iterable[UUID], asked: LogFilter, now: datetime) -> Question:
    """The question that a valid LogFilter asks.

    Without `since`, from the first day that any logs are kept for. Before the first day whose logs are all
    there, rollups alone can tell, in hours and days: a window that begins or ends there is widened to whole
    ones.
    """
    filters = asked.parameters
    since, until = asked.ends(now=now)
    asked_service = filters.get("service_id")
    ids = [id_ for id_ in service_ids if asked_service in (None, id_)]
    all_kept = first_whole_day(ids, now)
    some_kept = tiles.floor(now.astimezone(UTC), timedelta(days=1)) - timedelta(days=longest_retention_days())
    ahead = tiles.ceiling(whole_milliseconds(now + AHEAD), timedelta(minutes=1))
    since = max(since or some_kept, tiles.ceiling(now - rollups.DAYS_KEPT, timedelta(days=1)))
    # Nothing lies beyond `ahead`, so a window that reaches that far needs no edge at its end.
    until = min(until or ahead, ahead)
    return Question(
        service_ids=ids,
        since=widened(whole_milliseconds(since), tiles.floor, all_kept, now=now),
        until=widened(whole_milliseconds(until), tiles.ceiling, all_kept, now=now),
        now=now,
        filters=filters,
        logs=asked.qs,
    )


def first_whole_day(service_ids: Sequence[UUID], now: datetime) -> datetime:
    """The beginning of the oldest day of which these services' logs are all there still.

    Age takes days by each service's retention, and the guard of the disk takes the oldest of all.
    """
    services = Service.objects.filter(id__in=service_ids)
    by_age = services.oldest_whole_day(now.astimezone(UTC).date())
    return start_of(max([by_age, *existing_days()[:1]]))


def whole_milliseconds(moment: datetime) -> datetime:
    """As ids have it, and with them every window over the logs."""
    return tiles.floor(moment.astimezone(UTC), timedelta(milliseconds=1))


def widened(
    moment: datetime,
    to_whole: Callable[[datetime, timedelta], datetime],
    oldest_log: datetime,
    *,
    now: datetime,
) -> datetime:
    """The moment, or the end of the whole hour or day around it where there are no logs to count."""
    if moment >= oldest_log:
        return moment
    hours_from = rollups.kept_from(Resolution.HOUR, Family.TOTAL, now=now)
    unit = Resolution.HOUR if moment >= hours_from + timedelta(hours=1) else Resolution.DAY
    return to_whole(moment, tiles.LENGTHS[unit])
