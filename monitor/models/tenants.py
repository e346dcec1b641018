"""Who owns what: organizations and the people in them."""

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from monitor.lib.actors import Actor, Role
from monitor.lib.ids import new_uuid7
from monitor.models.limits import Plan
from monitor.models.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS

DEFAULT_ORGANIZATION = "Default"
RETENTION_LIMITS = [MinValueValidator(MIN_RETENTION_DAYS), MaxValueValidator(MAX_RETENTION_DAYS)]


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(id__in=actor.organizations())

    def default(self) -> "Organization":
        """The organization that anonymous callers act in; the first migration makes it."""
        return self.get(name=DEFAULT_ORGANIZATION)


class Organization(models.Model):
    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    name = models.CharField(max_length=128, unique=True)
    # Null: the limits that the settings say.
    plan = models.ForeignKey(Plan, models.SET_NULL, null=True, blank=True, related_name="organizations")
    # What its services inherit. Null: as the settings say; of errors: as long as other logs.
    retention_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=RETENTION_LIMITS)
    error_retention_days = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=RETENTION_LIMITS
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        db_table = "organization"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(retention_days=None)
                | models.Q(retention_days__range=(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS)),
                name="organization_retention_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(error_retention_days=None)
                | models.Q(error_retention_days__range=(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS)),
                name="organization_error_retention_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=16, choices=[(role, role.title()) for role in Role], default=Role.VIEWER
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once_per_organization"),
            models.CheckConstraint(condition=models.Q(role__in=list(Role)), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organization}"
