"""What was let go, and why: the record behind the storage page."""

from datetime import datetime
from typing import Self

from django.db import models

from monitor.lib.ids import new_uuid7


class StorageEventKind(models.TextChoices):
    CHECKED = "checked", "Checked"
    DROPPED = "dropped", "Day dropped"
    REWRITTEN = "rewritten", "Day rewritten"
    TRIMMED = "trimmed", "Logs removed"
    FAILED = "failed", "Failed"


class StorageEventCause(models.TextChoices):
    AGE = "age", "Retention"
    DISK = "disk", "Disk guard"


class StorageEventQuerySet(models.QuerySet["StorageEvent"]):
    def newest_first(self) -> Self:
        return self.order_by("-id")

    def told(self) -> Self:
        """Those that changed something or could not: without the runs that found nothing to do."""
        return self.exclude(kind=StorageEventKind.CHECKED)

    def last_check(self) -> datetime | None:
        """When retention was last enforced to its end."""
        checks = self.filter(kind=StorageEventKind.CHECKED)
        return checks.newest_first().values_list("happened_at", flat=True).first()


class StorageEvent(models.Model):
    """One day that was dropped, rewritten or trimmed, or one run that found all in order or failed."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=StorageEventKind)
    cause = models.CharField(max_length=8, choices=StorageEventCause, default=StorageEventCause.AGE)
    day = models.DateField(null=True)
    # Null where nobody counted: dropping a day does not look into it.
    logs_removed = models.BigIntegerField(null=True)
    bytes_freed = models.BigIntegerField(null=True)
    message = models.CharField(max_length=512)
    happened_at = models.DateTimeField()

    objects = StorageEventQuerySet.as_manager()

    class Meta:
        db_table = "storage_event"

    def __str__(self) -> str:
        return self.message
