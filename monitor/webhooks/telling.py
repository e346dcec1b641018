"""What events about webhooks say."""

from typing import Any

from monitor.models import WebhookEndpoint
from monitor.webhooks.sending import Outcome


def endpoint_data(endpoint: WebhookEndpoint, reason: str | None = None) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.id,
        "url": endpoint.shown_url,
        "enabled_events": list(endpoint.enabled_events),
        "reason": reason,
    }


def delivery_data(outcome: Outcome) -> dict[str, Any]:
    job = outcome.job
    return {
        "delivery_id": job.delivery_id,
        "endpoint_id": job.endpoint_id,
        "event_id": job.message_id,
        "event_type": job.event_type,
        "attempts": job.number,
        "status_code": outcome.status_code,
        "error_class": outcome.error_class,
    }
