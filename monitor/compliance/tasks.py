"""What the worker does for organizations that go."""

from uuid import UUID

from procrastinate.contrib.django import app

from monitor.compliance.deletion import remove_everything


@app.task(queue="default", retry=5, pass_context=False)
def delete_organization(*, deletion_id: str) -> None:
    """Remove all that hangs on a deleted organization; harmless to run twice."""
    remove_everything(UUID(deletion_id))
