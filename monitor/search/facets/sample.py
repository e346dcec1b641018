"""Count the newest logs of a search value by value, as many as there are time and patience for.

For what rollups cannot tell: tags, and searches by path, latency, trace, texts, or by endpoint and consumer
together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection

from monitor.lib.time_limit import TookTooLong
from monitor.models import RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.search.finding import Search, take_matching
from monitor.search.language import Field
from monitor.search.walk import Stretch, Walk

# Counted in about 60 ms when they are in memory, measured.
MAX_LOGS = 50_000
# With quoted text each is unpacked and read.
MAX_MATCHING = 2_000
# Who waits for facets waits half a second at most, and what rollups tell of them may take most of that.
TIME = timedelta(milliseconds=200)
TIME_FOR_TEXT = timedelta(seconds=1)
COLUMNS = ("id", "service_id", "method", "status_code", "endpoint_id", "consumer_id", "environment", "tags")
# What each field's values are in SQL. Status codes are told apart, and put into classes later.
EXPRESSIONS: Mapping[Field, str] = {
    Field.SERVICE: "service_id::text",
    Field.METHOD: "method",
    Field.STATUS: "status_code::text",
    Field.ENDPOINT: "endpoint_id::text",
    Field.CONSUMER: "consumer_id::text",
    Field.ENVIRONMENT: "environment",
}
# Values as text by field; an empty one where a log has none.
Tallies = dict[Field, Counter[str]]


@dataclass(kw_only=True)
class Sample:
    """What the newest `logs` of a search add up to. Complete, those are all; else back to `reached`."""

    tallies: Tallies = field(default_factory=dict)
    # Of tags, which a log has many of: logs without any.
    without_tags: int = 0
    logs: int = 0
    is_complete: bool
    reached: datetime


def count_newest(search: Search, fields: Iterable[Field]) -> Sample:
    """The values of these fields in the newest logs that the search finds."""
    wanted = list(fields)
    sample = Sample(
        tallies={each: Counter() for each in wanted}, is_complete=False, reached=search.window.until
    )
    limit = TIME_FOR_TEXT if search.phrases else TIME
    walk = Walk.within(search.logs, search.window.since, search.window.until, limit=limit)
    try:
        if search.phrases:
            matching = take_matching(walk, MAX_MATCHING, search.phrases)
            for log in matching:
                add_log(sample, log)
            if len(matching) == MAX_MATCHING:
                # The walk has looked at more than these.
                sample.reached = matching[-1].captured_at
                return sample
        else:
            walk.advance(MAX_LOGS, lambda logs, most: tally(sample, logs[:most]))
    except TookTooLong:
        # Not even the smallest slice; what was counted before it holds.
        pass
    sample.is_complete, sample.reached = walk.is_over, walk.reached
    return sample


def tally(sample: Sample, logs: RequestLogQuerySet) -> Stretch:
    """Count these logs in one statement."""
    try:
        inner, params = logs.select_related(None).values(*COLUMNS).query.sql_with_params()
    except EmptyResultSet:
        # A name that nobody has: Django knows that nothing can match.
        return Stretch(count=0)
    selects = [
        "SELECT '', (SELECT id::text FROM newest ORDER BY id LIMIT 1), count(*) FROM newest",
        *(select_for(each) for each in sample.tallies),
    ]
    statement = f"WITH newest AS MATERIALIZED ({inner}) {' UNION ALL '.join(selects)}"
    stretch = Stretch(count=0)
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        for name, value, count in cursor.fetchall():
            if not name:
                stretch = Stretch(count=count, last=UUID(value) if value else None)
            elif name == "untagged":
                sample.without_tags += count
            else:
                sample.tallies[Field(name)][value] += count
    sample.logs += stretch.count
    return stretch


def select_for(field: Field) -> str:
    if field != Field.TAG:
        return f"SELECT '{field.value}', coalesce({EXPRESSIONS[field]}, ''), count(*) FROM newest GROUP BY 2"  # noqa: S608
    # A log that was sent with the same tag twice has it once.
    return (
        "SELECT 'tag', tag, count(*) FROM newest, LATERAL (SELECT DISTINCT unnest(tags) AS tag) AS each"
        " GROUP BY 2 UNION ALL SELECT 'untagged', '', count(*) FROM newest WHERE cardinality(tags) = 0"
    )


def add_log(sample: Sample, log: RequestLog) -> None:
    sample.logs += 1
    values: Mapping[Field, Any] = {
        Field.SERVICE: log.service_id,
        Field.METHOD: log.method,
        Field.STATUS: log.status_code,
        Field.ENDPOINT: log.endpoint_id,
        Field.CONSUMER: log.consumer_id,
        Field.ENVIRONMENT: log.environment,
    }
    for field_, tally_ in sample.tallies.items():
        if field_ == Field.TAG:
            tally_.update(set(log.tags))
            sample.without_tags += not log.tags
        else:
            tally_["" if values[field_] is None else str(values[field_])] += 1
