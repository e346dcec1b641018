"""Say of keys that their time is over: nobody does it, so nothing else would record it."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.functions import Cast

from monitor.audit import record
from monitor.models import ApiKey, AuditEntry

ACTION = "api_key.expired"
# What expired while no worker ran is told when one does. Shorter than any audit log is kept, which knows what
# it was told.
LOOKED_BACK = timedelta(days=30)


@transaction.atomic
def record_expired_keys(*, now: datetime) -> int:
    """A row for each key that expired lately, once for each moment it was to end at. Gives how many.

    What was revoked before, or went with its service, did not expire.
    """
    due = ApiKey.objects.filter(expires_at__range=(now - LOOKED_BACK, now), service__deleted_at=None)
    still = due.exclude(revoked_at__lte=now).exclude(Exists(told_of()))
    # Locked first and looked at again: of two workers at once, the second finds what the first recorded.
    ids = [key.id for key in still.select_for_update(of=("self",)).order_by("id")]
    expired = list(still.filter(id__in=ids).order_by("id"))
    for key in expired:
        record(
            ACTION,
            organization_id=key.organization_id,
            target_type="api_key",
            target_id=key.id,
            target_label=key.prefix,
            note=f"It opens nothing since {key.expires_at:%Y-%m-%d %H:%M} UTC.",
        )
    return len(expired)


def told_of() -> QuerySet[AuditEntry]:
    """What the audit log says of the end of the key that is looked at."""
    return AuditEntry.objects.filter(
        action=ACTION,
        target_id=Cast(OuterRef("pk"), CharField()),
        happened_at__gte=OuterRef("expires_at"),
    )
