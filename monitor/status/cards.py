"""Incidents as templates of status pages show them."""

from collections.abc import Iterable
from datetime import UTC, date
from typing import Any

from monitor.lib.rich_text import as_html
from monitor.models import StatusIncident

IMPACT_PILLS = {"critical": "pill-bad", "major": "pill-bad", "minor": "pill-warn", "none": ""}


def incident_card(incident: StatusIncident) -> dict[str, Any]:
    return {
        "incident": incident,
        "pill": IMPACT_PILLS[incident.impact],
        "updates": [(update, as_html(update.body)) for update in incident.updates.all()],
    }


def by_day(incidents: Iterable[StatusIncident]) -> list[tuple[date, list[dict[str, Any]]]]:
    """Days in UTC, newest first, each with the incidents that began on it."""
    days: dict[date, list[dict[str, Any]]] = {}
    for incident in incidents:
        days.setdefault(incident.started_at.astimezone(UTC).date(), []).append(incident_card(incident))
    return sorted(days.items(), reverse=True)
