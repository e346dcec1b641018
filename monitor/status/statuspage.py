"""A page as clients of Atlassian Statuspage read it, below /api/v2/."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from monitor.models import StatusIncident
from monitor.status.view import OVERALL_WORDS, Announcement, Group, Level, Part, Public

_INDICATORS = {
    Level.OPERATIONAL: "none",
    Level.DEGRADED: "minor",
    Level.PARTIAL: "major",
    Level.DOWN: "critical",
    Level.MAINTENANCE: "maintenance",
    # Nobody knows: no client has a word for it, and an alarm would be an invention.
    Level.UNKNOWN: "none",
}


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_of(view: Public, *, address: str) -> dict[str, Any]:
    return {
        "page": {
            "id": str(view.page.id),
            "name": view.page.name,
            "url": address,
            "time_zone": "Etc/UTC",
            "updated_at": moment(newest_change(view)),
        },
        "status": {"indicator": _INDICATORS[view.level], "description": OVERALL_WORDS[view.level]},
    }


def newest_change(view: Public) -> datetime:
    """When something the page says last changed; a page that says the same stays the same, byte for byte."""
    moments = [view.page.updated_at]
    moments += [part.since for part in view.parts]
    moments += [each.updated_at for each in (*view.open_incidents, *view.past_incidents)]
    moments += [each.updated_at for each in view.announcements]
    return max(moments)


def summary_of(view: Public, *, address: str) -> dict[str, Any]:
    return {
        **status_of(view, address=address),
        "components": list(components(view)),
        "incidents": [incident(each, view, address=address) for each in view.open_incidents],
        "scheduled_maintenances": [scheduled(each, view, address=address) for each in view.announcements],
    }


def components_of(view: Public, *, address: str) -> dict[str, Any]:
    return {"page": status_of(view, address=address)["page"], "components": list(components(view))}


def incidents_of(view: Public, *, address: str) -> dict[str, Any]:
    """Open ones and the newest of the others, newest first."""
    told = [incident(each, view, address=address) for each in view.incidents]
    return {"page": status_of(view, address=address)["page"], "incidents": told}


def unresolved_of(view: Public, *, address: str) -> dict[str, Any]:
    told = [incident(each, view, address=address) for each in view.open_incidents]
    return {"page": status_of(view, address=address)["page"], "incidents": told}


def maintenances_of(view: Public, *, address: str, is_open: bool | None = None) -> dict[str, Any]:
    """All that are near; of `is_open` those that are under way, or those to come."""
    found = [each for each in view.announcements if is_open in (None, each.is_open)]
    told = [scheduled(each, view, address=address) for each in found]
    return {"page": status_of(view, address=address)["page"], "scheduled_maintenances": told}


def components(view: Public) -> Iterator[dict[str, Any]]:
    """Parts, and before them the group that they are in."""
    for position, group in enumerate(view.groups, start=1):
        if not group.name:
            yield from (component(part, view, number) for number, part in enumerate(group.parts, start=1))
            continue
        id_ = group_id(view, group)
        yield {
            **_component(view, id_=id_, name=group.name, position=position, since=view.page.updated_at),
            "status": status_word(worst(group)),
            "group": True,
            "components": [str(part.id) for part in group.parts],
        }
        for number, part in enumerate(group.parts, start=1):
            yield component(part, view, number) | {"group_id": str(id_)}


def group_id(view: Public, group: Group) -> UUID:
    """Groups are names; the same name on the same page has the same id."""
    return uuid5(view.page.id, group.name)


def worst(group: Group) -> Level:
    order = (Level.DOWN, Level.MAINTENANCE, Level.DEGRADED, Level.OPERATIONAL)
    levels = {part.level for part in group.parts}
    return next((level for level in order if level in levels), Level.UNKNOWN)


def component(part: Part, view: Public, position: int) -> dict[str, Any]:
    made = _component(view, id_=part.id, name=part.name, position=position, since=part.since)
    return made | {"status": status_word(part.level), "group": False}


def status_word(level: Level) -> str:
    # Statuspage has no word for what nobody looks at, and its clients take five alone.
    return str(Level.OPERATIONAL if level == Level.UNKNOWN else level)


def _component(view: Public, *, id_: UUID, name: str, position: int, since: datetime) -> dict[str, Any]:
    return {
        "id": str(id_),
        "name": name,
        "status": "operational",
        "created_at": moment(view.page.created_at),
        "updated_at": moment(since),
        "position": position,
        "description": None,
        "showcase": view.page.shows_uptime,
        "start_date": None,
        "group_id": None,
        "page_id": str(view.page.id),
        "group": False,
        "only_show_if_degraded": False,
    }


def incident(found: StatusIncident, view: Public, *, address: str) -> dict[str, Any]:
    updates = list(found.updates.all())
    monitoring = [update.created_at for update in updates if update.status == "monitoring"]
    return {
        **_told(
            id_=found.id,
            name=found.title,
            status=found.status,
            impact=found.impact,
            created_at=found.started_at,
            updated_at=found.updated_at,
            view=view,
            address=address,
        ),
        "monitoring_at": moment(min(monitoring, default=None)),
        "resolved_at": moment(found.resolved_at),
        "incident_updates": [
            _update(
                id_=update.id,
                status=update.status,
                body=update.body,
                incident_id=found.id,
                at=update.created_at,
            )
            for update in updates
        ],
        "components": [],
    }


def scheduled(found: Announcement, view: Public, *, address: str) -> dict[str, Any]:
    status = "in_progress" if found.is_open else "scheduled"
    parts = {part.id: part for part in view.parts}
    return {
        **_told(
            id_=found.id,
            name=found.title,
            status=status,
            impact="maintenance",
            created_at=found.created_at,
            updated_at=found.updated_at,
            view=view,
            address=address,
        ),
        "monitoring_at": None,
        "resolved_at": None,
        "scheduled_for": moment(found.window.start),
        "scheduled_until": moment(found.window.end),
        "incident_updates": [
            _update(
                id_=found.id,
                status=status,
                body=found.description or found.title,
                incident_id=found.id,
                at=found.updated_at,
            )
        ],
        "components": [
            component(parts[id_], view, number) for number, id_ in enumerate(found.part_ids, start=1)
        ],
    }


def _told(
    *,
    id_: UUID,
    name: str,
    status: str,
    impact: str,
    created_at: datetime,
    updated_at: datetime,
    view: Public,
    address: str,
) -> dict[str, Any]:
    return {
        "id": str(id_),
        "name": name,
        "status": status,
        "impact": impact,
        "created_at": moment(created_at),
        "started_at": moment(created_at),
        "updated_at": moment(updated_at),
        "shortlink": f"{address}#{id_}",
        "page_id": str(view.page.id),
        "reminder_intervals": None,
    }


def _update(*, id_: UUID, status: str, body: str, incident_id: UUID, at: datetime) -> dict[str, Any]:
    return {
        "id": str(id_),
        "status": status,
        "body": body,
        "incident_id": str(incident_id),
        "created_at": moment(at),
        "updated_at": moment(at),
        "display_at": moment(at),
        "affected_components": None,
        "deliver_notifications": False,
        "custom_tweet": None,
        "tweet_id": None,
    }
