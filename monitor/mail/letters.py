"""A letter to all who own an organization."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db.models import QuerySet

from monitor.lib.actors import Role
from monitor.models import Organization

MOST_OWNERS = 20


def send(organization_id: UUID, *, subject: str, text: str, page: str) -> int:
    """Gives how many were written to. Raises OSError or SMTPException where the mail server refuses."""
    organization = Organization.objects.filter(id=organization_id).first()
    addresses = addresses_of(organization) if organization is not None else []
    if not addresses:
        return 0
    body = f"{text}\n\n{settings.PUBLIC_URL}{page}\n\nYou get this mail as an owner of {organization}.\n"
    headers = {"Auto-Submitted": "auto-generated"}
    for address in addresses:
        # One each: who else owns it need not stand in everybody's mail box.
        EmailMessage(subject=subject, body=body, to=[address], headers=headers).send()
    return len(addresses)


def addresses_of(organization: Organization) -> list[str]:
    """The owners' addresses; those of the operators where no owner has one."""
    owners = User.objects.filter(
        memberships__organization=organization, memberships__role=Role.OWNER, is_active=True
    )
    operators = User.objects.filter(is_superuser=True, is_active=True)
    return written_at(owners) or written_at(operators)


def written_at(people: QuerySet[User]) -> list[str]:
    named = people.exclude(email="").order_by("id").values_list("email", flat=True)
    return list(dict.fromkeys(named[:MOST_OWNERS]))
