"""What the worker does for endpoints."""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app


@app.task(queue="default", retry=5)
def move_endpoint(*, move_id: str) -> None:
    """Move an endpoint's logs and numbers, and look once more when its name is let go."""
    # Here, as the verbs that defer this task are imported by what it calls.
    from monitor.endpoints.history import LAST_LOOK_AFTER, carry_out

    if not carry_out(UUID(move_id), now=timezone.now()):
        seconds = int(LAST_LOOK_AFTER.total_seconds()) + 1
        move_endpoint.configure(schedule_in={"seconds": seconds}).defer(move_id=move_id)
