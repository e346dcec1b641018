"""The bands of baselines: learnt when an hour of the week begins, and kept with each group until it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from monitor.alerts.asking import Ask, Reply, shared_replies
from monitor.alerts.baseline import HOUR, Band, band_of, hour_of, hours_before
from monitor.metrics import WindowQuestion
from monitor.metrics.cells import Cell
from monitor.models import AlertGroup
from monitor.models.alerts import RuleKind

Bands = dict[str, Band]
# A rule has no more groups than this: those it knows, then the busiest.
MAX_GROUPS = 100


def bands_of(
    asks: Sequence[Ask],
    replies: Sequence[Reply],
    known: Mapping[UUID, Mapping[str, AlertGroup]],
    *,
    now: datetime,
) -> dict[UUID, Bands | str]:
    """The band of each group of each baseline, or why there is none.

    A rule whose groups all know theirs asks nothing, so the weeks behind are read once an hour and not every
    minute; and many rules' by one statement.
    """
    bands: dict[UUID, Bands | str] = {}
    learning: list[Ask] = []
    for ask, reply in zip(asks, replies, strict=True):
        if ask.rule.kind == RuleKind.BASELINE and ask.question is not None and not reply.error:
            there = {key: band_there(group) for key, group in known[ask.rule.id].items()}
            hour = hour_of(ask.since, ask.until)
            # Groups beyond the most a rule has are never kept, and would be learnt anew each minute.
            keys = {*there, *(reply.groups if len(there) < MAX_GROUPS else ())} if ask.rule.per else {""}
            if all((band := there.get(key)) is not None and band.of == hour for key in keys):
                bands[ask.rule.id] = {key: band for key, band in there.items() if band is not None}
            else:
                learning.append(ask)
    read = shared_replies([question for ask in learning for question in history_of(ask).values()], now=now)
    for ask in learning:
        found = {hour: read[question] for hour, question in history_of(ask).items()}
        error = next((reply.error for reply in found.values() if reply.error), "")
        bands[ask.rule.id] = error or learnt_by(ask, found)
    return bands


def band_there(group: AlertGroup) -> Band | None:
    if group.usual_of is None:
        return None
    return Band(of=group.usual_of, low=group.usual_low, high=group.usual_high)


def history_of(ask: Ask) -> dict[datetime, WindowQuestion]:
    """The same question of each hour that tells what is usual."""
    question = ask.question
    if question is None:
        return {}
    return {
        hour: replace(question, since=hour, until=hour + HOUR)
        for hour in hours_before(hour_of(ask.since, ask.until))
    }


def learnt_by(ask: Ask, found: Mapping[datetime, Reply]) -> Bands:
    """Of every group that was ever seen in those hours; of others nothing is known."""
    hour = hour_of(ask.since, ask.until)
    keys = {key for reply in found.values() for key in reply.groups} if ask.rule.per else {""}
    return {
        key: band_of(ask.rule, hour, {at: reply.groups.get(key, Cell()) for at, reply in found.items()})
        for key in keys
    }
