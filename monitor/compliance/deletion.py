"""Delete an organization: out of reach at once, gone row by row, and a signed receipt at the end."""

import json
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from monitor.compliance.archive import signed
from monitor.compliance.nouns import Noun, nouns
from monitor.models import (
    ApiKey,
    ExclusionRule,
    Invitation,
    LogPayload,
    Membership,
    Organization,
    OrganizationDeletion,
    RequestLog,
)
from monitor.models.tenants import DEFAULT_ORGANIZATION
from monitor.services.exclusions import forget_counts

ROWS_A_BITE = 2000
FORMAT = "apimonitor-organization-deletion/1"


class CannotDelete(Exception):
    """The Default organization is found by its name, by visitors and new services."""

    def __init__(self) -> None:
        super().__init__("The Default organization stays: remove its services instead.")


@transaction.atomic
def begin_deletion(
    organization: Organization, *, requested_by: str, requested_by_id: int | None = None, now: datetime
) -> OrganizationDeletion:
    """Nobody and no key reaches it any more; what hangs on it is removed by `remove_everything`.

    `requested_by` stands in the receipt, which is for the person of `requested_by_id`. Asked for twice, it is
    one deletion. Raises CannotDelete.
    """
    if organization.name == DEFAULT_ORGANIZATION:
        raise CannotDelete
    Organization.objects.select_for_update().get(id=organization.id)
    deletion, is_new = OrganizationDeletion.objects.get_or_create(
        organization_id=organization.id,
        defaults={
            "name": organization.name,
            "requested_by": requested_by,
            "requested_by_id": requested_by_id,
            "requested_at": now,
        },
    )
    if is_new:
        for service in organization.services.filter(deleted_at=None):
            service.mark_deleted(now=now)
        ApiKey.objects.filter(organization=organization, revoked_at=None).update(revoked_at=now)
        Invitation.objects.open(now).filter(organization=organization).update(revoked_at=now)
        count, _ = Membership.objects.filter(organization=organization).delete()
        note(deletion, Membership._meta.db_table, count)
    return deletion


def remove_everything(deletion_id: UUID) -> None:
    """Each bite is a transaction of its own, counted in the same: a worker that is killed loses no count.

    Harmless to run again, after it was interrupted and after it was done.
    """
    deletion = OrganizationDeletion.objects.get(id=deletion_id)
    if deletion.finished_at is not None:
        return
    rules = ExclusionRule.objects.filter(service__organization_id=deletion.organization_id)
    forget_counts(rules.values_list("id", flat=True))
    for noun in nouns():
        let_go_of_each_other(noun, deletion.organization_id)
        while remove_bite(noun, deletion.id) == ROWS_A_BITE:
            pass
    finish(deletion.id, now=timezone.now())


@transaction.atomic
def remove_bite(noun: Noun, deletion_id: UUID) -> int:
    """How many rows went."""
    deletion = OrganizationDeletion.objects.select_for_update().get(id=deletion_id)
    keys = list(noun.rows(deletion.organization_id).values_list("pk", flat=True)[:ROWS_A_BITE])
    if not keys:
        return 0
    if noun.model is RequestLog:
        LogPayload.objects.filter(log_id__in=keys)._raw_delete("default")
    # Not delete(): that would load every row that points here, and those have gone before.
    count = noun.model._base_manager.filter(pk__in=keys)._raw_delete("default")
    note(deletion, noun.name, count)
    return len(keys)


def let_go_of_each_other(noun: Noun, organization_id: UUID) -> None:
    """Rows that point at rows of their own table could otherwise only go all at once."""
    for field in noun.model._meta.concrete_fields:
        if field.related_model is not noun.model or not field.null:
            continue
        pointing = noun.rows(organization_id).exclude(**{field.name: None})
        while keys := list(pointing.values_list("pk", flat=True)[:ROWS_A_BITE]):
            noun.model._base_manager.filter(pk__in=keys).update(**{field.name: None})


@transaction.atomic
def finish(deletion_id: UUID, *, now: datetime) -> None:
    """The organization itself, and the receipt. Fails where something came in meanwhile."""
    deletion = OrganizationDeletion.objects.select_for_update().get(id=deletion_id)
    Organization.objects.filter(id=deletion.organization_id)._raw_delete("default")
    deletion.finished_at = now
    receipt = {
        "format": FORMAT,
        "organization": {"id": str(deletion.organization_id), "name": deletion.name},
        "requested_by": deletion.requested_by,
        "requested_at": deletion.requested_at.isoformat(),
        "finished_at": now.isoformat(),
        "removed": {**deletion.removed, Organization._meta.db_table: 1},
    }
    deletion.removed = receipt["removed"]
    deletion.receipt = {"receipt": receipt, **signed(text_of(receipt))}
    deletion.save(update_fields=["finished_at", "removed", "receipt"])


def text_of(receipt: object) -> bytes:
    """The bytes that are signed: JSON with sorted names, without blanks."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":")).encode()


def note(deletion: OrganizationDeletion, table: str, count: int) -> None:
    deletion.removed = {**deletion.removed, table: deletion.removed.get(table, 0) + count}
    deletion.save(update_fields=["removed"])
