"""Let the name of a forgotten consumer go from events, told and yet to be told, in small bites.

Events are known by the consumer's id and by that of its logs; and where the logs are gone, too, by a name
that no consumer has any more. Of its logs, what they say in paths and errors goes without the name, too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import transaction

from monitor.events.draft import Draft
from monitor.events.packing import pack, unpack
from monitor.lib.mentions import without_mentions
from monitor.models import Consumer, Event, EventOutbox, RequestLog, WebhookAttempt

ROWS_A_BITE = 1_000
# A row of the outbox may hold what a whole batch of logs had to tell.
OUTBOX_ROWS_A_BITE = 20
TYPES = ("log.error", "consumer.created", "alert.firing")
NOBODY = UUID(int=0)
# Members of an event that hold nothing of a request.
OURS = frozenset({"url", "log_id", "rule_id", "rule", "condition", "captured_at"})


class Named(NamedTuple):
    """What an event says, as far as it may name a consumer."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """The consumer as it is now, and what it was called, as far as that is known."""

    consumer: Consumer
    names: Collection[str]

    def unnamed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The same with all texts but addresses of ours without the name."""
        instead = self.consumer.identifier
        return {
            key: without_mentions(value, self.names, instead=instead)
            if isinstance(value, str) and key not in OURS
            else value
            for key, value in data.items()
        }


def forget_consumer(consumer: Consumer, names: Collection[str] = ()) -> None:
    """Put what a forgotten consumer is called now in the place of what it was called; harmless twice."""
    forgotten = Forgotten(consumer=consumer, names=names)
    # First what is yet to be unpacked: the ids of events are older than their rows.
    forget_in_outbox(forgotten)
    forget_in_events(forgotten)


def forget_in_outbox(forgotten: Forgotten) -> None:
    after = 0
    while True:
        with transaction.atomic():
            # Waits for a deliverer that is about to take a row: its events are there afterwards.
            there = EventOutbox.objects.filter(id__gt=after).select_for_update().order_by("id")
            rows = list(there[:OUTBOX_ROWS_A_BITE])
            for row in rows:
                forget_in_row(row, forgotten)
        if not rows:
            return
        after = rows[-1].id


def forget_in_row(row: EventOutbox, forgotten: Forgotten) -> None:
    drafts = unpack(row.packed)
    mine = [draft for draft in drafts if is_concerned(draft, forgotten.consumer)]
    said = without_name([Named(draft.type, draft.data) for draft in mine], forgotten)
    if said:
        changed = {mine[place].id: data for place, data in said.items()}
        row.packed = pack(replace(each, data=changed.get(each.id, each.data)) for each in drafts)
        row.save(update_fields=["packed"])


def is_concerned(draft: Draft, consumer: Consumer) -> bool:
    return draft.organization_id == consumer.organization_id and draft.type in TYPES


def forget_in_events(forgotten: Forgotten) -> None:
    # Each type by itself: so the index gives the next bite.
    for type_ in TYPES:
        after = NOBODY
        while events := next_bite(forgotten.consumer, type_, after):
            after = events[-1].id
            forget_in_bite(events, forgotten)


def next_bite(consumer: Consumer, type_: str, after: UUID) -> list[Event]:
    found = Event.objects.filter(organization=consumer.organization_id, type=type_, id__gt=after)
    return list(found.order_by("id").only("id", "type", "body")[:ROWS_A_BITE])


@transaction.atomic
def forget_in_bite(events: Sequence[Event], forgotten: Forgotten) -> None:
    bodies = [msgspec.json.decode(event.body) for event in events]
    named = [Named(event.type, body["data"]) for event, body in zip(events, bodies, strict=True)]
    said = without_name(named, forgotten)
    for place, data in said.items():
        events[place].body = msgspec.json.encode({**bodies[place], "data": data}).decode()
    changed = [events[place] for place in said]
    Event.objects.bulk_update(changed, ["body"])
    # Receivers may answer with what they were told.
    told = WebhookAttempt.objects.filter(delivery__event__in=[event.id for event in changed])
    told.update(response_headers={}, response_body="")


def without_name(said: Sequence[Named], forgotten: Forgotten) -> dict[int, dict[str, Any]]:
    """By its place, the data of each that names the consumer, without the name."""
    consumer = forgotten.consumer
    by_log = [each.data for each in said if each.type == "log.error" and each.data.get("consumer")]
    of_logs = [each.data["log_id"] for each in said if each.data.get("log_id")]
    logs = logs_of(of_logs, consumer)
    unknown = names_of_nobody({data["consumer"] for data in by_log}, consumer)
    nameless = {"identifier": consumer.identifier, "name": "", "group": ""}
    changed: dict[int, dict[str, Any]] = {}
    for place, (type_, data) in enumerate(said):
        if type_ == "consumer.created":
            if data.get("consumer_id") == str(consumer.id) and data.get("identifier"):
                changed[place] = {**data, **nameless}
        elif type_ == "alert.firing":
            if data.get("log_id") in logs:
                changed[place] = forgotten.unnamed(data)
        elif data.get("consumer") and (data["log_id"] in logs or data["consumer"] in unknown):
            changed[place] = {**forgotten.unnamed(data), "consumer": consumer.identifier}
    return {place: data for place, data in changed.items() if data != said[place].data}


def logs_of(ids: Collection[str], consumer: Consumer) -> set[str]:
    """Those of these logs that are the consumer's."""
    mine = RequestLog.objects.filter(id__in=list(ids), consumer=consumer.id)
    return {str(log_id) for log_id in mine.values_list("id", flat=True)}


def names_of_nobody(names: Collection[str], consumer: Consumer) -> set[str]:
    """Those of these names that no consumer of the organization has."""
    there = Consumer.objects.filter(organization=consumer.organization_id, identifier__in=list(names))
    return set(names) - set(there.values_list("identifier", flat=True))
