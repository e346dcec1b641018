"""The words that monitors of an organization carry: texts on each, and a row to list and rename them by."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from monitor.models import Monitor, MonitorTag


class TagTaken(Exception):
    """The organization has a tag of this name."""


def note_tags(organization_id: UUID, names: Iterable[str]) -> None:
    """Have a row for each; most have one already."""
    wanted = sorted(set(names))
    if not wanted:
        return
    known = MonitorTag.objects.filter(organization=organization_id, name__in=wanted)
    missing = set(wanted) - set(known.values_list("name", flat=True))
    if missing:
        rows = [MonitorTag(organization_id=organization_id, name=name) for name in sorted(missing)]
        MonitorTag.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def rename_tag(tag: MonitorTag, name: str) -> MonitorTag:
    """On all monitors that carry it. Raises TagTaken."""
    if name == tag.name:
        return tag
    others = MonitorTag.objects.filter(organization=tag.organization_id, name=name)
    if others.exclude(id=tag.id).exists():
        raise TagTaken
    with connection.cursor() as cursor:
        cursor.execute(
            # One that has the new word already, from a time without rows, is not to have it twice.
            "UPDATE monitor SET tags = CASE WHEN %(new)s = ANY(tags) THEN array_remove(tags, %(old)s)"
            " ELSE array_replace(tags, %(old)s, %(new)s) END"
            " WHERE organization_id = %(organization)s AND %(old)s = ANY(tags)",
            {"old": tag.name, "new": name, "organization": tag.organization_id},
        )
    tag.name = name
    tag.save(update_fields=["name"])
    return tag


@transaction.atomic
def remove_tag(tag: MonitorTag) -> None:
    """From all monitors that carry it, too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitor SET tags = array_remove(tags, %s) WHERE organization_id = %s AND %s = ANY(tags)",
            [tag.name, tag.organization_id, tag.name],
        )
    tag.delete()


def carriers(tags: Iterable[MonitorTag]) -> dict[UUID, int]:
    """How many monitors carry each, in one query."""
    rows = list(tags)
    by_place = {(tag.organization_id, tag.name): tag.id for tag in rows}
    found = dict.fromkeys(by_place.values(), 0)
    held = Monitor.objects.filter(organization__in={tag.organization_id for tag in rows}).exclude(tags=[])
    for organization_id, names in held.values_list("organization_id", "tags"):
        for name in names:
            if (tag_id := by_place.get((organization_id, name))) is not None:
                found[tag_id] += 1
    return found
