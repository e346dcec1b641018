"""Who did what, from where: rows that are added and never changed."""

from typing import Self

from django.db import models
from django.db.models.functions import Cast

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.tenants import Membership


class ActorKind(models.TextChoices):
    USER = "user", "Person"
    KEY = "key", "API key"
    ANONYMOUS = "anonymous", "Not signed in"
    SYSTEM = "system", "The monitor itself"


class Face(models.TextChoices):
    """Where it was done."""

    API = "api", "API"
    PAGE = "page", "Pages"
    ADMIN = "admin", "Admin"
    COMMAND = "command", "Command line"
    WORKER = "worker", "By itself"


# What people have of their own to sign in with, in no organization.
OF_SIGNING_IN = ("user", "mail_address", "second_factor", "single_sign_on", "personal_token")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, actor: Actor) -> Self:
        """What was done in the organizations that the actor manages, and what its members did to themselves.

        Signing in belongs to no organization; who manages one that the person is a member of may see it, and
        what the person changed of how they do. All else that belongs to none, as what operators do and what
        somebody asked in an organization that is not known, is nothing of theirs.
        A key of one service sees nothing: what others do is none of its service's doing.
        """
        if actor.service_id is not None:
            return self.none()
        organizations = actor.organizations(Scope.MANAGE)
        members = Membership.objects.filter(organization__in=organizations)
        people = members.values(text=Cast("user_id", models.TextField()))
        by_people = models.Q(
            actor_kind=ActorKind.USER, actor_id__in=people, target_type__in=OF_SIGNING_IN
        ) & ~models.Q(face=Face.ADMIN)
        of_people = by_people | models.Q(target_type="user", target_id__in=people)
        return self.filter(
            models.Q(organization_id__in=organizations) | models.Q(organization_id=None) & of_people
        )


class AuditEntry(models.Model):
    """One thing that somebody did. Added by triggers for what is changed, and by `audit.record`.

    No foreign keys: a row stays as it was written after all that it names has gone. The database refuses to
    change one, and to delete one that is younger than three months.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization_id = models.UUIDField(null=True, blank=True)
    actor_kind = models.CharField(max_length=9, choices=ActorKind)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_label = models.CharField(max_length=200)
    face = models.CharField(max_length=8, choices=Face)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32, blank=True, default="")
    target_id = models.CharField(max_length=64, blank=True, default="")
    target_label = models.CharField(max_length=300, blank=True, default="")
    # {field: [before, after]}; of a secret a mask stands for both.
    changes = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    ip = models.CharField(max_length=64, blank=True, default="")
    user_agent = models.CharField(max_length=300, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    method = models.CharField(max_length=8, blank=True, default="")
    route = models.CharField(max_length=200, blank=True, default="")
    happened_at = models.DateTimeField()

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        db_table = "audit_entry"
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["organization_id", "-id"], name="audit_newest_first"),
            models.Index(fields=["target_id", "-id"], name="audit_of_target"),
            models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.target_label}".strip()
