"""Deployments beside the numbers of a window: as lines in its charts, and as a list with links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from monitor.charts import Marker
from monitor.charts.scales import moment_iso
from monitor.models import Deployment

# More lines than this hide what they are to explain.
MOST_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class ShownDeployment:
    """A deployment and the address of the logs since then."""

    deployment: Deployment
    logs_since: str


def deployments_shown(
    service_ids: Iterable[UUID],
    *,
    since: datetime,
    until: datetime,
    environment: str = "",
    filters: str = "",
) -> list[ShownDeployment]:
    """The newest deployments of the window, newest first; `filters` is a query string for the logs' page.

    With an environment, its own and those that name none.
    """
    found = Deployment.objects.of_services(service_ids).within(since, until).select_related("service")
    if environment:
        found = found.filter(environment__in=["", environment])
    return [
        ShownDeployment(deployment=each, logs_since=logs_since(each, filters))
        for each in found.order_by("-id")[:MOST_SHOWN]
    ]


def logs_since(deployment: Deployment, filters: str = "") -> str:
    asked = {"service_id": str(deployment.service_id), "since": moment_iso(deployment.deployed_at)}
    if deployment.environment:
        asked["environment"] = deployment.environment
    return f"{reverse('pages:logs')}?{urlencode(asked)}{'&' if filters else ''}{filters}"


def markers_of(shown: Sequence[ShownDeployment]) -> list[Marker]:
    """The same as lines in a chart; of several services each names its own."""
    several = len({each.deployment.service_id for each in shown}) > 1
    return [
        Marker(
            at=each.deployment.deployed_at,
            label=f"{each.deployment.service.name} {each.deployment.version}"
            if several
            else each.deployment.version,
            href=each.logs_since,
        )
        for each in shown
    ]
