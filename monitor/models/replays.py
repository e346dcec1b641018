"""Requests that were sent again: what went out, what came back, and who asked."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.services import Service


class ReplayStatus(models.TextChoices):
    SUCCESS = "success", "Answered"
    FAILED = "failed", "No answer"


class ReplayQuerySet(models.QuerySet["Replay"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))


class Replay(models.Model):
    """One request sent again. Everything in it is masked as logs are."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="replays")
    original_log_id = models.UUIDField()
    method = models.CharField(max_length=16)
    url = models.TextField()
    overrides = models.JSONField(default=dict)
    omitted_headers = ArrayField(models.TextField(), default=list)
    omitted_params = ArrayField(models.TextField(), default=list)
    status = models.CharField(max_length=8, choices=ReplayStatus)
    status_code = models.SmallIntegerField(null=True)
    response_headers = models.JSONField(null=True)
    response_body = models.TextField(null=True)  # noqa: DJ001 - null means that no answer came
    response_truncated = models.BooleanField(default=False)
    latency_ms = models.FloatField(null=True)
    error = models.TextField(null=True)  # noqa: DJ001 - null means that an answer came
    replayed_at = models.DateTimeField()
    # The audit: who asked, as an actor's label, and from which address.
    replayed_by = models.CharField(max_length=200)
    source_ip = models.GenericIPAddressField(null=True)

    objects = ReplayQuerySet.as_manager()

    class Meta:
        db_table = "replay"
        indexes = [models.Index(fields=["original_log_id", "-id"], name="replay_newest_of_log")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=ReplayStatus.values), name="replay_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.url}"
