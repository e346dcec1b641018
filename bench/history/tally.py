"""Rollups of many logs at once, by the product's own cells.

Compaction adds each log to four families of cells by minute, at 40 us a log. Of days whose minutes are no
longer kept, logs are first added up by what is: totals by minute, all else by hour. `check_rollups` says
whether both came to the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from bench.history.forms import Template
from monitor.metrics.cells import Cells, minutes_of
from monitor.metrics.compact import whole
from monitor.metrics.facts import Fact
from monitor.metrics.rollups import MINUTES_KEPT, SLACK
from monitor.models.partitions import start_of

Facts = dict[tuple[Any, ...], Fact]
NOWHERE = b""


@dataclass(kw_only=True)
class Tally:
    """What the logs of one day add up to."""

    is_recent: bool
    by_endpoint: Facts = field(default_factory=dict)
    by_consumer: Facts = field(default_factory=dict)
    totals: Facts = field(default_factory=dict)

    @classmethod
    def of_day(cls, day: date, *, now: datetime) -> "Tally":
        end = start_of(day) + timedelta(days=1)
        return cls(is_recent=end > now - MINUTES_KEPT - 2 * SLACK)

    def add(self, minute: int, template: Template, latency_ms: float, bucket: int) -> None:
        group = template.group
        # A fact without its endpoint or consumer holds many more logs, and is added up once.
        parts = (
            ((self.by_endpoint, minute, template.endpoint, template.consumer),)
            if self.is_recent
            else (
                (self.totals, minute, NOWHERE, NOWHERE),
                (self.by_endpoint, minute - minute % 60, template.endpoint, NOWHERE),
                (self.by_consumer, minute - minute % 60, NOWHERE, template.consumer),
            )
        )
        for facts, at, endpoint, consumer in parts:
            key = (at, group, endpoint, consumer)
            fact = facts.get(key)
            if fact is None:
                fact = facts[key] = Fact(at, *group, endpoint, consumer)
            fact.requests += 1
            if template.request_bytes is not None:
                fact.request_bytes += template.request_bytes
                fact.request_sized += 1
            if template.response_bytes is not None:
                fact.response_bytes += template.response_bytes
                fact.response_sized += 1
            fact.latency_ms += latency_ms
            fact.buckets.append(bucket)

    def cells(self, *, now: datetime) -> Cells:
        if self.is_recent:
            return whole(minutes_of(self.by_endpoint.values()), now=now, hours_from={})
        families: Mapping[tuple[str, ...], Facts] = {
            ("total",): self.totals,
            ("answer", "endpoint"): self.by_endpoint,
            ("consumer",): self.by_consumer,
        }
        cells: Cells = {}
        for names, facts in families.items():
            cells |= whole(minutes_of(facts.values(), names), now=now, hours_from={})
        return cells
