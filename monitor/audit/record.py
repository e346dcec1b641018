"""Record what was done and changed nothing that records itself."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils import timezone

from monitor.audit.visits import Visit, columns_of, current_visit
from monitor.lib.actors import Actor
from monitor.models import AuditEntry
from monitor.models.audit import ActorKind, Face

# Outside of a request and of a command.
WORKER = {"actor_kind": ActorKind.SYSTEM, "actor_label": "system: worker", "face": Face.WORKER}

MOST_CONCERNED = 100


def record_shown(target_type: str, target_id: object, *, label: str, organization_id: UUID) -> None:
    """That a secret was shown to whoever asks. One that is made outside of a request is shown to nobody."""
    if current_visit() is not None:
        record(
            "secret.shown",
            organization_id=organization_id,
            target_type=target_type,
            target_id=target_id,
            target_label=label,
        )


def record_in_each(action: str, organization_ids: Sequence[UUID], *, target_type: str, note: str) -> None:
    """One row for each of these organizations: what was taken along was theirs. Of more than a hundred it is
    one row, which operators alone see."""
    for each in organization_ids if len(organization_ids) <= MOST_CONCERNED else [None]:
        record(action, organization_id=each, target_type=target_type, note=note)


def record(
    action: str,
    *,
    organization_id: UUID | None = None,
    target_type: str = "",
    target_id: object = "",
    target_label: str = "",
    changes: Mapping[str, Sequence[object]] | None = None,
    note: str = "",
    actor: Actor | None = None,
) -> AuditEntry:
    """A row of who did this, kept with the caller's transaction.

    Who and from where are those of the running request; `actor` stands for who is only becoming known in it.
    Outside of a request the worker did it by itself. That is for what it changes of what people made, or lets
    go for good, one row for each decision: never for each log, check or delivery, which have logs of their
    own. Secrets have no place in any argument.
    """
    visit = current_visit()
    if visit is None and actor is not None:
        visit = Visit(face=Face.COMMAND)
    by = columns_of(visit, actor or visit.find_actor()) if visit is not None else WORKER
    if visit is not None:
        visit.has_recorded = True
    return AuditEntry.objects.create(
        **by,
        action=action,
        organization_id=organization_id,
        target_type=target_type,
        target_id=str(target_id)[:64],
        target_label=target_label[:300],
        changes=dict(changes or {}),
        note=note[:500],
        happened_at=timezone.now(),
    )
