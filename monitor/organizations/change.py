"""Change what an organization says for all of its services."""

from typing import Any

from django.conf import settings

from monitor.models import Organization
from monitor.models.services import forget_longest_retention


class RetentionTooShort(Exception):
    """Errors would be kept for less time than other logs."""


def change_organization(organization: Organization, **fields: Any) -> Organization:
    """The organization with these fields changed. Raises RetentionTooShort.

    A shorter retention has older logs go for good within the hour; a longer one holds at once.
    """
    for name, value in fields.items():
        setattr(organization, name, value)
    least = organization.retention_days or settings.RETENTION_DAYS
    if (organization.error_retention_days or least) < least:
        raise RetentionTooShort(f"Errors are kept at least as long as other logs: {least} days.")
    organization.save(update_fields=list(fields))
    forget_longest_retention()
    return organization
