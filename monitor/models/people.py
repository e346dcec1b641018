"""How people come in, and what acts in their name: invitations, personal tokens."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from monitor.lib.actors import Actor, Role, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.keys import LAST_USED_RESOLUTION
from monitor.models.tenants import Organization

ROLES = [(role, role.title()) for role in Role]


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(organization__in=actor.organizations(Scope.MANAGE))

    def open(self, now: datetime) -> Self:
        """Those that still let somebody in."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """A way into one organization, for one address, once. The link's token is mailed and kept nowhere."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=ROLES, default=Role.VIEWER)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Whether the link went to the address alone: who opens it has the address, then.
    is_mailed = models.BooleanField(default=False, db_default=False, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        db_table = "invitation"
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_one_open_for_an_address",
            ),
            models.CheckConstraint(condition=models.Q(role__in=list(Role)), name="invitation_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} of {self.organization}"


class PersonalTokenQuerySet(models.QuerySet["PersonalToken"]):
    def of(self, user_id: int | None) -> Self:
        return self.filter(user_id=user_id)


class PersonalToken(models.Model):
    """Acts as its person, within the person's roles and its own scopes. Its text is shown once."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=128)
    prefix = models.CharField(max_length=24, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=[(scope, scope.value) for scope in Scope]))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PersonalTokenQuerySet.as_manager()

    class Meta:
        db_table = "personal_token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def touch(self, now: datetime) -> None:
        """Remember the use, at most once a minute; of two processes at once, one writes."""
        if self.last_used_at is None or self.last_used_at < now - LAST_USED_RESOLUTION:
            PersonalToken.objects.filter(id=self.id, last_used_at=self.last_used_at).update(last_used_at=now)


class OrganizationDeletion(models.Model):
    """What went with an organization: begun by a person, done by the worker, kept as the receipt.

    Stands on its own: what it tells of is no longer there.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization_id = models.UUIDField(unique=True)
    name = models.CharField(max_length=128)
    requested_by = models.CharField(max_length=160)
    # Whose the receipt is: a name may be somebody else's later. No foreign key, as it outlives the account.
    requested_by_id = models.IntegerField(null=True, blank=True)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    # Noun -> rows removed, so far or altogether.
    removed = models.JSONField(default=dict)
    # The receipt as it was signed, when all is gone.
    receipt = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "organization_deletion"

    def __str__(self) -> str:
        return f"Deletion of {self.name}"
