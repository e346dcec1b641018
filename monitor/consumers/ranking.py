"""Consumers with their numbers in a window."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Q

from monitor.lib.actors import Actor
from monitor.metrics import GroupBy, Question, counts_by, latencies_by
from monitor.metrics.ranking import RankedRow, Shares, in_order, last_seen
from monitor.models import Consumer, RequestLog
from monitor.models.metrics import Family

RANKS = (0.95,)


class Order(StrEnum):
    REQUESTS = "requests"
    ERRORS = "errors"
    ERROR_RATE = "error_rate"
    FIRST_SEEN = "first_seen"


@dataclass(frozen=True, kw_only=True)
class ConsumerRow(RankedRow):
    """A consumer's numbers in a window.

    `consumer`, `p95_latency_ms` and `last_seen_at` are known once `told` has looked.
    """

    first_seen_at: datetime
    is_new: bool
    group: str = ""
    consumer: Consumer | None = None
    p95_latency_ms: float | None = None


KEYS: Mapping[Order, Callable[[ConsumerRow], Any]] = {
    Order.REQUESTS: lambda row: row.requests,
    Order.ERRORS: lambda row: row.errors,
    Order.ERROR_RATE: lambda row: row.error_rate,
    Order.FIRST_SEEN: lambda row: row.first_seen_at,
}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which consumers: of a group, with a part of their identifier or name, the hidden ones instead."""

    group: str = ""
    text: str = ""
    hidden: bool = False

    def of(self, actor: Actor) -> Any:
        found = Consumer.objects.visible_to(actor).remembered().filter(is_hidden=self.hidden)
        if self.group:
            found = found.filter(group=self.group)
        if self.text:
            found = found.filter(Q(identifier__icontains=self.text) | Q(name__icontains=self.text))
        return found


def rank(
    question: Question, actor: Actor, *, chosen: Chosen, order: Order = Order.REQUESTS, reverse: bool = False
) -> list[ConsumerRow]:
    """The consumers, the largest number first; those without a request in the window last.

    A key of one service sees those that called it in the window alone. Raises TooMuchToCount.
    """
    shares = Shares(counts_by(question, GroupBy.CONSUMER), ranks=())
    rows = []
    for id_, first_seen_at, group in chosen.of(actor).values_list("id", "first_seen_at", "group"):
        numbers, share = shares.of(id_)
        if actor.service_id is not None and not numbers.requests:
            continue
        rows.append(
            ConsumerRow(
                id=id_,
                first_seen_at=first_seen_at,
                numbers=numbers,
                share=share,
                is_new=first_seen_at >= question.since and bool(numbers.requests),
                group=group,
            )
        )
    # Of equals, the newest of them first.
    return in_order(rows, KEYS[order], ties=lambda row: -row.id.int, reverse=reverse)


@dataclass(kw_only=True)
class GroupRow:
    """The numbers of all consumers of a group; of those without one where `group` is empty."""

    group: str
    consumers: int = 0
    requests: int = 0
    errors: int = 0
    share: float = 0.0

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


def in_groups(rows: Iterable[ConsumerRow]) -> list[GroupRow]:
    """The rows added up by group, the busiest first."""
    groups: dict[str, GroupRow] = {}
    for row in rows:
        added = groups.setdefault(row.group, GroupRow(group=row.group))
        added.consumers += 1
        added.requests += row.requests
        added.errors += row.errors
        added.share += row.share
    return sorted(groups.values(), key=lambda each: (-each.requests, each.group))


def told(rows: Sequence[ConsumerRow], question: Question) -> list[ConsumerRow]:
    """A page of rows with who they are, their latencies and when each was seen last."""
    ids = [row.id for row in rows]
    consumers = Consumer.objects.in_bulk(ids)
    called = [str(row.id) for row in rows if row.requests]
    latencies = latencies_by(question, GroupBy.CONSUMER, only=called, ranks=RANKS)
    seen = last_calls(ids, question)
    return [
        replace(
            row,
            consumer=consumers[row.id],
            p95_latency_ms=found.percentiles_ms[0] if (found := latencies.get(str(row.id))) else None,
            last_seen_at=seen.get(row.id),
        )
        for row in rows
        if row.id in consumers
    ]


def last_calls(ids: Sequence[UUID], question: Question) -> dict[UUID, datetime]:
    """When each called one of the question's services last."""
    logs = RequestLog.objects.of_services(question.service_ids)
    return last_seen(Family.CONSUMER, ids, question.service_ids, logs, now=question.now)
