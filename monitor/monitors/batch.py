"""One thing done to many monitors: all of it, or nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import ValidationError

from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor
from monitor.models.monitors import SETTINGS
from monitor.monitors.reach import reach_monitor
from monitor.monitors.register import change_monitor, remove_monitor, set_active
from monitor.monitors.serializers import MonitorSerializer, as_invalid
from monitor.probing import BadConfig

MOST_IN_A_BATCH = 1000
ACTIONS = ("pause", "resume", "remove", "change")
BULK_FIELDS = frozenset({"description", *SETTINGS})
# Each monitor keeps its other tags.
TAG_CHANGES = frozenset({"add_tags", "remove_tags"})


@transaction.atomic
def do_to_many(
    actor: Actor, ids: Sequence[UUID], action: str, changes: Mapping[str, Any], *, now: datetime
) -> int:
    """How many it was done to. Raises ValidationError, PermissionDenied, and Http404 beyond reach."""
    monitors = [reach_monitor(actor, id_, Scope.MANAGE) for id_ in dict.fromkeys(ids)]
    match action:
        case "remove":
            for monitor in monitors:
                remove_monitor(monitor, now=now)
        case "change":
            change_many(monitors, changes, now=now)
        case _:
            set_active(monitors, is_active=action == "resume", now=now)
    return len(monitors)


def change_many(monitors: list[Monitor], changes: Mapping[str, Any], *, now: datetime) -> None:
    """Raises ValidationError."""
    known = BULK_FIELDS | TAG_CHANGES
    if not changes or set(changes) - known:
        raise ValidationError({"changes": f"Name some of: {', '.join(sorted(known))}."})
    if "tags" in changes and TAG_CHANGES & set(changes):
        raise ValidationError({"changes": "tags replaces all of them: add_tags and remove_tags do not."})
    for monitor in monitors:
        form = MonitorSerializer(monitor, data=said_of(monitor, changes), partial=True)
        form.is_valid(raise_exception=True)
        try:
            change_monitor(monitor, form.validated_data, None, now=now)
        except BadConfig as error:
            raise as_invalid(error) from None


def said_of(monitor: Monitor, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as they are for this monitor."""
    said = {name: value for name, value in changes.items() if name not in TAG_CHANGES}
    if TAG_CHANGES & set(changes):
        added, removed = (words_of(changes, name) for name in ("add_tags", "remove_tags"))
        kept = [tag for tag in monitor.tags if tag not in removed]
        said["tags"] = list(dict.fromkeys([*kept, *added]))
    return said


def words_of(changes: Mapping[str, Any], name: str) -> list[str]:
    words = changes.get(name, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValidationError({"changes": {name: "Must be a list of texts."}})
    return words
