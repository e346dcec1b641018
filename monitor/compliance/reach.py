"""Who may export and delete a whole organization, and read what became of it."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from monitor.lib.actors import Actor
from monitor.models import Organization, OrganizationDeletion
from monitor.people.roles import require_owner


def reach_organization(actor: Actor, organization_id: UUID) -> Organization:
    """404 for those of others, 403 for who does not own it."""
    found = Organization.objects.filter(id__in=list(actor.grants)).filter(id=organization_id).first()
    if found is None:
        raise Http404("No such organization.")
    require_owner(actor, found.id)
    return found


def deletions_of(actor: Actor) -> QuerySet[OrganizationDeletion]:
    """Those that the person asked for: the organization, by which all else is judged, is gone."""
    if actor.user_id is None:
        return OrganizationDeletion.objects.none()
    return OrganizationDeletion.objects.filter(requested_by_id=actor.user_id)
