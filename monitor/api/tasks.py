"""What the worker does for the API, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.models import IdempotentRequest


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="forget_idempotency_keys")
def forget_idempotency_keys(timestamp: int) -> None:
    """Let answers go that are given no more."""
    IdempotentRequest.objects.filter(expires_at__lt=timezone.now()).delete()
