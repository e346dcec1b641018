"""Note that a version went live."""

from datetime import UTC, datetime, timedelta

from monitor.lib.ids import event_uuid7
from monitor.models import Deployment, Service


def report_deployment(
    service: Service, *, version: str, environment: str, at: datetime, reported_by: str, now: datetime
) -> tuple[Deployment, bool]:
    """The deployment, and whether it is news: said again, it is the one that is there.

    `at` counts to the millisecond, as its id does.
    """
    at = at.astimezone(UTC)
    at -= timedelta(microseconds=at.microsecond % 1000)
    # The same service, environment, version and moment give the same id, so two that say so at once are one.
    id_ = event_uuid7(at, scope=f"deployment:{service.id}:{environment}", event_id=version)
    return Deployment.objects.get_or_create(
        id=id_,
        defaults={
            "service": service,
            "version": version,
            "environment": environment,
            "deployed_at": at,
            "reported_by": reported_by,
            "reported_at": now,
        },
    )
