"""What the worker does for the sandbox."""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.sandbox.drop import drop_test_data


@app.task(retry=3)
def drop_sandbox(*, organization_id: str) -> None:
    """Drop an organization's test data; harmless to run twice."""
    drop_test_data(UUID(organization_id), now=timezone.now())
