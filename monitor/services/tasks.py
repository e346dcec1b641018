"""What the worker does for services."""

from uuid import UUID

from procrastinate.contrib.django import app

from monitor.services.purge import purge


@app.task(queue="default", retry=5, pass_context=False)
def purge_service(*, service_id: str) -> None:
    """Remove a deleted service and all that hangs on it; harmless to run twice."""
    purge(UUID(service_id))
