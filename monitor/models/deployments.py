"""What was put into service, and when."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import uuid7_floor
from monitor.models.services import Service


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def of_services(self, service_ids: Iterable[UUID]) -> Self:
        return self.filter(service__in=list(service_ids))

    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))

    def within(self, since: datetime, until: datetime) -> Self:
        """Deployments from `since` up to, not including, `until`; whole milliseconds."""
        return self.filter(id__gte=uuid7_floor(since), id__lt=uuid7_floor(until))


class Deployment(models.Model):
    """A version of a service that went live. Its id carries the moment, so newest first is by id."""

    id = models.UUIDField(primary_key=True, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, db_index=False, related_name="deployments")
    version = models.CharField(max_length=128)
    # The sender's own word, as in logs; empty for all.
    environment = models.CharField(max_length=64, blank=True, default="")
    deployed_at = models.DateTimeField()
    # Who said so, as an actor's label, and when.
    reported_by = models.CharField(max_length=200, editable=False)
    reported_at = models.DateTimeField(editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        db_table = "deployment"
        indexes = [models.Index(fields=["service", "-id"], name="deployment_of_service")]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "environment", "version", "deployed_at"], name="deployment_once"
            )
        ]

    def __str__(self) -> str:
        return self.version
