"""What each organization used, by API key, mode and day."""

from typing import Self

from django.db import models

from monitor.lib.actors import Actor
from monitor.models.keys import ApiKey, Mode
from monitor.models.tenants import Organization

# In the order that they are shown.
METRICS = ("logs", "bytes", "requests", "replays", "checks", "deliveries")


def amount() -> "models.BigIntegerField[int, int]":
    return models.BigIntegerField(default=0, db_default=0)


class UsageQuerySet(models.QuerySet["UsageDay"]):
    def visible_to(self, actor: Actor) -> Self:
        """Of the actor's organizations; a key of one service sees what came with that service's keys."""
        rows = self.filter(organization__in=actor.organizations())
        return rows if actor.service_id is None else rows.filter(key__service=actor.service_id)


class Used(models.Model):
    """`bytes` are those of the bodies that logs tell of, requests and responses together."""

    # Without constraints in the database: each log would lock its organization's row.
    organization = models.ForeignKey(Organization, models.CASCADE, db_constraint=False, related_name="+")
    # Null for what came without one: by people, by monitors, by webhooks. Keys that are gone stay counted.
    key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    # Empty for what people did, who act in both.
    mode = models.CharField(max_length=4, choices=Mode, blank=True)
    # In UTC, of the arrival.
    day = models.DateField()
    logs = amount()
    bytes = amount()
    requests = amount()
    replays = amount()
    checks = amount()
    deliveries = amount()

    class Meta:
        abstract = True


class UsageDay(Used):
    """One row for each key, mode and day, once the worker has added up what was used."""

    id = models.BigAutoField(primary_key=True)

    objects = UsageQuerySet.as_manager()

    class Meta:
        db_table = "usage_day"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "day", "key", "mode"], name="usage_day_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}"


class UsageDelta(Used):
    """What a transaction used, written in it: nobody waits for a row that counts."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "usage_delta"

    def __str__(self) -> str:
        return f"{self.day}"
