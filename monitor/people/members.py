"""Change a member's role, and take members out."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.models import Invitation, Membership, Organization
from monitor.people.invitations import ORDER, rank


class LastOwner(Exception):
    """Somebody has to own the organization."""

    def __init__(self) -> None:
        super().__init__("This is the last owner. Make somebody else an owner first.")


@transaction.atomic
def change_role(membership: Membership, *, role: str) -> None:
    """Raises LastOwner. Invitations of theirs to more than the new role are taken back."""
    current = lock_owners_and(membership)
    if current.role == Role.OWNER and role != Role.OWNER:
        keep_an_owner(current)
    current.role = role
    current.save(update_fields=["role"])
    take_back(current, roles=ORDER[rank(role) + 1 :])


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """The person goes on existing, without this organization and their open invitations. Raises LastOwner."""
    current = lock_owners_and(membership)
    if current.role == Role.OWNER:
        keep_an_owner(current)
    take_back(current, roles=ORDER)
    current.delete()


def lock_owners_and(membership: Membership) -> Membership:
    """The membership as it is. Two owners who remove each other at once follow each other here."""
    Organization.objects.select_for_update(no_key=True).get(id=membership.organization_id)
    return Membership.objects.select_related("organization").get(id=membership.id)


def keep_an_owner(leaving: Membership) -> None:
    others = Membership.objects.filter(organization_id=leaving.organization_id, role=Role.OWNER)
    if not others.exclude(id=leaving.id).filter(user__is_active=True).exists():
        raise LastOwner


def take_back(membership: Membership, *, roles: Sequence[Role]) -> None:
    """Invitations that this person could not give any more; by one of them they could come back."""
    given = Invitation.objects.filter(
        organization_id=membership.organization_id, invited_by_id=membership.user_id, role__in=roles
    )
    given.filter(accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())
