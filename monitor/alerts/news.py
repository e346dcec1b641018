"""Tell of what was not there before: endpoints that are called or listed for the first time, and ways to
fail that are new or have come back.

What makes an endpoint or an issue knows nothing of rules: the row is news until `noticed_at` is written, in
the transaction that tells of it. So each is told once, however late it was committed, and ingestion pays
nothing. What nobody watches is noticed all the same, and is no news to a rule that is made later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from monitor.alerts.judge import lock_rules
from monitor.alerts.quiet import Quiet, quiet_at
from monitor.alerts.telling import HOUR, MAX_MESSAGE_CHARS, Notice, try_to_tell
from monitor.metrics.tiles import floor
from monitor.models import AlertEvent, AlertRule, AlertTally, Endpoint, ErrorIssue
from monitor.models.alerts import OF_NEWS, EventKind, RuleKind
from monitor.models.issues import IssueState
from monitor.models.keys import Mode
from monitor.models.services import OTHER

# One scanner that asks for a thousand addresses is one piece of news and a number.
NEWS_AN_HOUR = 10
ROWS_A_ROUND = 1_000
MAX_GROUP_CHARS = 300
Row = TypeVar("Row", Endpoint, ErrorIssue)
NOUNS = {RuleKind.NEW_ENDPOINT: "new endpoints", RuleKind.NEW_ERROR: "new errors"}


@dataclass(frozen=True, kw_only=True)
class News:
    """Something that was not there before. `key` is its own, and another when it comes back."""

    kind: RuleKind
    service_id: UUID
    endpoint_id: UUID | None
    name: str
    words: str
    key: str
    happened_at: datetime


def tell_news(*, now: datetime) -> int:
    """Tell what has come since the last look. Gives how many notices were told."""
    told = 0
    while True:
        noticed, notices = tell_round(now=now)
        told += notices
        if noticed < ROWS_A_ROUND:
            return told


@transaction.atomic
def tell_round(*, now: datetime) -> tuple[int, int]:
    """Take note of at most ROWS_A_ROUND endpoints and as many issues. Gives how many there were of the more
    numerous, and how many notices were told."""
    endpoints = notice(Endpoint.objects.all(), now=now)
    issues = notice(ErrorIssue.objects.select_related("endpoint"), now=now)
    news = [*news_of_endpoints(endpoints), *news_of_issues(issues)]
    rules = watching({each.service_id for each in news})
    tallies = AlertTally.objects.select_for_update().in_bulk([rule.id for rule in rules])
    quiet = quiet_at(now) if rules else Quiet()
    told = 0
    for rule in rules:
        tally = tallies.get(rule.id) or AlertTally(rule=rule)
        told += tell_rest(rule, tally, now=now)
        for each in news:
            if concerns(rule, each):
                told += tell_one(rule, tally, each, is_silenced=quiet.covers(rule, each.name), now=now)
        tally.save()
    return max(len(endpoints), len(issues)), told


def notice(rows: QuerySet[Row], *, now: datetime) -> Sequence[Row]:
    """Those that nobody took note of; noted now, for good when the transaction commits."""
    news = rows.filter(noticed_at=None).select_for_update(skip_locked=True, no_key=True, of=("self",))
    found = list(news.order_by("id")[:ROWS_A_ROUND])
    if found:
        rows.model.objects.filter(id__in=[row.id for row in found]).update(noticed_at=now)
    return found


def news_of_endpoints(endpoints: Iterable[Endpoint]) -> Iterable[News]:
    for endpoint in endpoints:
        if endpoint.merged_into_id is None and endpoint.route != OTHER:
            how = "is listed by the application" if endpoint.declared_at else "was called for the first time"
            yield News(
                kind=RuleKind.NEW_ENDPOINT,
                service_id=endpoint.service_id,
                endpoint_id=endpoint.id,
                name=str(endpoint),
                words=f"{endpoint} {how}",
                key=str(endpoint.id),
                happened_at=endpoint.first_seen_at,
            )


def news_of_issues(issues: Iterable[ErrorIssue]) -> Iterable[News]:
    for issue in issues:
        # The one without an endpoint stands for all beyond a service's cap.
        if issue.mode == Mode.LIVE and issue.endpoint is not None:
            has_returned = issue.state == IssueState.REGRESSED
            at = issue.state_changed_at if has_returned else None
            yield News(
                kind=RuleKind.NEW_ERROR,
                service_id=issue.service_id,
                endpoint_id=issue.endpoint_id,
                name=str(issue.endpoint),
                words=f"{issue} on {issue.endpoint} {'is back' if has_returned else 'is new'}",
                key=f"{issue.id}:{int(at.timestamp())}" if at else str(issue.id),
                happened_at=at or issue.first_seen_at,
            )


def watching(service_ids: set[UUID]) -> list[AlertRule]:
    """The rules that these services' news concern, and those that have something waiting; locked."""
    rules = AlertRule.objects.awake().filter(kind__in=OF_NEWS)
    ids = set(rules.filter(service__in=service_ids).values_list("id", flat=True)) if service_ids else set()
    ids |= set(AlertTally.objects.filter(waiting__gt=0, rule__in=rules).values_list("rule_id", flat=True))
    there = lock_rules(ids)
    return list(rules.filter(id__in=there).select_related("service").order_by("id")) if there else []


def concerns(rule: AlertRule, news: News) -> bool:
    return (
        rule.kind == news.kind
        and rule.service_id == news.service_id
        and rule.endpoint_id in (None, news.endpoint_id)
    )


def tell_one(rule: AlertRule, tally: AlertTally, news: News, *, is_silenced: bool, now: datetime) -> int:
    """Tell it, or keep it as an event and count it where the rule has told enough this hour. Gives how many
    notices were told."""
    if tally.hour != floor(now, HOUR):
        tally.hour, tally.told = floor(now, HOUR), 0
    message = f"{rule.name}: {news.words}"
    if is_silenced or tally.told >= NEWS_AN_HOUR:
        keep(rule, news, message, now=now)
        tally.waiting += 0 if is_silenced else 1
        return 0
    is_told = try_to_tell(
        Notice(
            organization_id=rule.service.organization_id,
            severity=rule.severity,
            rule=rule,
            kind=EventKind.NEWS,
            message=message,
            at=now,
            key=f"{rule.id}:{news.key}",
            group=news.name[:MAX_GROUP_CHARS],
            since=news.happened_at,
        ),
        rule=rule,
    )
    if is_told:
        tally.told += 1
    else:
        # Its row is no news any more; it is kept for those who look, and counted when the hour is over.
        keep(rule, news, message, now=now)
        tally.waiting += 1
    return int(is_told)


def keep(rule: AlertRule, news: News, message: str, *, now: datetime) -> None:
    """For those who look, without telling anybody."""
    AlertEvent.objects.create(
        rule=rule,
        kind=EventKind.NEWS,
        group=news.name[:MAX_GROUP_CHARS],
        since=news.happened_at,
        message=message[:MAX_MESSAGE_CHARS],
        triggered_at=now,
        is_held=True,
    )


def tell_rest(rule: AlertRule, tally: AlertTally, *, now: datetime) -> int:
    """Once the hour is over: how many more there were in it. Gives how many notices were told."""
    if not tally.waiting or tally.hour is None or tally.hour >= floor(now, HOUR):
        return 0
    more = tally.waiting
    is_told = try_to_tell(
        Notice(
            organization_id=rule.service.organization_id,
            severity=rule.severity,
            rule=rule,
            kind=EventKind.DIGEST,
            message=f"{rule.name}: +{more:,} more {NOUNS[RuleKind(rule.kind)]} from {tally.hour:%H:%M} to"
            f" {tally.hour + HOUR:%H:%M} UTC",
            at=now,
            key=f"{rule.id}:more:{int(tally.hour.timestamp())}",
            since=tally.hour,
            until=tally.hour + HOUR,
        ),
        rule=rule,
    )
    if is_told:
        tally.waiting = 0
    return int(is_told)
