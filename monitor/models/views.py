"""Searches that people keep by a name."""

from typing import Self

from django.conf import settings
from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.tenants import Organization

MAX_QUERY_CHARS = 4000


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, actor: Actor) -> Self:
        """The team's views of the actor's organizations, and the actor's own there.

        A service's own key sees none: a view may speak of any service of the organization.
        """
        if actor.service_id is not None:
            return self.none()
        within = self.filter(organization__in=actor.organizations())
        of_team = models.Q(owner=None)
        return within.filter(of_team if actor.user_id is None else of_team | models.Q(owner_id=actor.user_id))


class SavedView(models.Model):
    """A search of the log table: the query string of its address, without a place in the list."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="saved_views")
    # Whose it is; null when it is the team's, whoever made it: people leave, and the team keeps its views.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="saved_views"
    )
    name = models.CharField(max_length=128)
    query = models.CharField(max_length=MAX_QUERY_CHARS, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        db_table = "saved_view"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "owner", "name"], name="saved_view_name_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_team(self) -> bool:
        return self.owner_id is None
