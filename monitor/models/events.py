"""What happened that other programs may want to hear of."""

from typing import Self

from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.keys import Mode
from monitor.models.tenants import Organization

MAX_TYPE_CHARS = 100


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's organizations; a service's own key sees what is about that service."""
        events = self.filter(organization__in=actor.organizations())
        return events if actor.service_id is None else events.filter(service_id=actor.service_id)


class Event(models.Model):
    """Something that happened, as it is told: `body` holds the very bytes that receivers get."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, db_index=False, related_name="events")
    # No foreign key: an event stays readable after its service has gone.
    service_id = models.UUIDField(null=True, blank=True)
    type = models.CharField(max_length=MAX_TYPE_CHARS)
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.LIVE)
    environment = models.CharField(max_length=64, blank=True, default="")
    body = models.TextField()
    happened_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["organization", "-id"], name="event_newest_first"),
            models.Index(fields=["organization", "type", "-id"], name="event_newest_of_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"

    @property
    def message_id(self) -> str:
        """What receivers know the event by, in `webhook-id` and in the body: the same at every try."""
        return message_id_of(self.id.hex)


def message_id_of(hexadecimal: str) -> str:
    # No dot: it parts what is signed.
    return f"evt_{hexadecimal}"


class EventOutbox(models.Model):
    """Events of one transaction of logs, packed, until the deliverer makes rows of them.

    Ingestion writes at most one such row a commit, and none while nobody wants to hear.
    """

    id = models.BigAutoField(primary_key=True)
    packed = models.BinaryField()

    class Meta:
        db_table = "event_outbox"

    def __str__(self) -> str:
        return f"events {self.id}"
