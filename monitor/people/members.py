"""Change a member's role, and take members out."""

from django.db import transaction

from monitor.lib.actors import Role
from monitor.models import Membership, Organization


class LastOwner(Exception):
    """Somebody has to own the organization."""

    def __init__(self) -> None:
        super().__init__("This is the last owner. Make somebody else an owner first.")


@transaction.atomic
def change_role(membership: Membership, *, role: str) -> None:
    """Raises LastOwner."""
    current = lock_owners_and(membership)
    if current.role == Role.OWNER and role != Role.OWNER:
        keep_an_owner(current)
    current.role = role
    current.save(update_fields=["role"])


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """The person goes on existing, without this organization. Raises LastOwner."""
    current = lock_owners_and(membership)
    if current.role == Role.OWNER:
        keep_an_owner(current)
    current.delete()


def lock_owners_and(membership: Membership) -> Membership:
    """The membership as it is. Two owners who remove each other at once follow each other here."""
    Organization.objects.select_for_update().get(id=membership.organization_id)
    return Membership.objects.select_related("organization").get(id=membership.id)


def keep_an_owner(leaving: Membership) -> None:
    others = Membership.objects.filter(organization_id=leaving.organization_id, role=Role.OWNER)
    if not others.exclude(id=leaving.id).filter(user__is_active=True).exists():
        raise LastOwner
