"""Make, change, rest and remove endpoints; change their secrets. Each is told to the other endpoints."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from monitor.audit import record_shown
from monitor.events import record_events
from monitor.events.catalogue import API_VERSIONS
from monitor.events.draft import Draft
from monitor.events.listening import forget_listeners
from monitor.lib.secrets import seal
from monitor.models import Organization, WebhookDelivery, WebhookEndpoint, WebhookSecret
from monitor.models.webhooks import DeliveryStatus, SignatureScheme
from monitor.webhooks.signing import make_private_key, make_secret, public_key_of
from monitor.webhooks.telling import endpoint_data

# Beside the newest secret; an older one than these stops signing at once.
MOST_OLD_SECRETS = 2
LONGEST_OVERLAP = timedelta(days=7)
DEFAULT_OVERLAP = timedelta(hours=24)
SWITCHED_OFF = "It was switched off."


class EndpointGone(Exception):
    """The endpoint was removed meanwhile."""


@transaction.atomic
def make_endpoint(
    *,
    organization: Organization,
    url: str,
    enabled_events: Sequence[str],
    now: datetime,
    headers: Mapping[str, str] | None = None,
    api_version: str = API_VERSIONS[-1],
    **fields: Any,
) -> tuple[WebhookEndpoint, str]:
    """The endpoint, and what its receiver verifies with: the secret, or the public key."""
    endpoint = WebhookEndpoint(
        organization=organization,
        url=url,
        enabled_events=list(enabled_events),
        api_version=api_version,
        **fields,
    )
    set_headers(endpoint, headers or {})
    endpoint.save(force_insert=True)
    secret = add_secret(endpoint, now=now)
    tell(endpoint, "created", now=now)
    return endpoint, secret


def set_headers(endpoint: WebhookEndpoint, headers: Mapping[str, str]) -> None:
    endpoint.header_names = sorted(headers)
    endpoint.sealed_headers = seal(json.dumps(dict(headers))) if headers else None


def add_secret(endpoint: WebhookEndpoint, *, now: datetime) -> str:
    """A new secret by the endpoint's scheme. Gives what the receiver needs; a private key stays here."""
    is_pair = endpoint.signature == SignatureScheme.KEY_PAIR
    secret = make_private_key() if is_pair else make_secret()
    WebhookSecret.objects.create(endpoint=endpoint, sealed=seal(secret), created_at=now)
    endpoint.public_key = public_key_of(secret) if is_pair else ""
    endpoint.save(update_fields=["public_key"])
    if is_pair:
        return endpoint.public_key
    record_shown(
        "webhook_secret",
        endpoint.id,
        # Not its address, which often is a secret itself.
        label=endpoint.description,
        organization_id=endpoint.organization_id,
    )
    return secret


@transaction.atomic
def change_endpoint(
    endpoint: WebhookEndpoint,
    *,
    now: datetime,
    headers: Mapping[str, str] | None = None,
    is_active: bool | None = None,
    **fields: Any,
) -> WebhookEndpoint:
    """The endpoint with these fields, as saved. Raises EndpointGone."""
    current = locked(endpoint.id)
    for name, value in fields.items():
        setattr(current, name, value)
    changed = [*fields, "updated_at"]
    if headers is not None:
        set_headers(current, headers)
        changed += ["sealed_headers", "header_names"]
    current.save(update_fields=changed)
    if fields or headers is not None:
        tell(current, "updated", now=now)
    if is_active is not None and is_active != current.is_active:
        switch_on(current, now=now) if is_active else switch_off(current, now=now)
    return current


def locked(endpoint_id: UUID) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.alive().select_for_update(no_key=True).filter(id=endpoint_id).first()
    if found is None:
        raise EndpointGone
    return found


def switch_off(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """New events pass it by. What waits stays where it is, until it is switched on."""
    endpoint.disabled_at = now
    endpoint.disabled_reason = SWITCHED_OFF
    endpoint.save(update_fields=["disabled_at", "disabled_reason"])
    tell(endpoint, "disabled", now=now, reason=SWITCHED_OFF)


def switch_on(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """New events go to it again. What has waited is old news: it is given up, to be sent again on demand."""
    endpoint.disabled_at = endpoint.first_failure_at = endpoint.failing_told_at = None
    endpoint.disabled_reason = endpoint.last_error_class = ""
    endpoint.failures_in_row = 0
    endpoint.save(
        update_fields=[
            "disabled_at",
            "disabled_reason",
            "first_failure_at",
            "failing_told_at",
            "failures_in_row",
            "last_error_class",
        ]
    )
    end_waiting(endpoint, DeliveryStatus.DEAD, now=now)
    tell(endpoint, "enabled", now=now)


@transaction.atomic
def remove_endpoint(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Nothing is sent to it from now on; what was sent can be read until it is too old to keep.

    Raises EndpointGone.
    """
    current = locked(endpoint.id)
    current.deleted_at = now
    current.sealed_headers = None
    current.save(update_fields=["deleted_at", "sealed_headers"])
    WebhookSecret.objects.filter(endpoint=current).delete()
    end_waiting(current, DeliveryStatus.CANCELLED, now=now)
    tell(current, "deleted", now=now)


def end_waiting(endpoint: WebhookEndpoint, status: DeliveryStatus, *, now: datetime) -> int:
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING)
    return waiting.update(status=status, finished_at=now, next_attempt_at=None, resumes_at=None)


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint, *, overlap: timedelta, now: datetime) -> str:
    """A new secret, which signs first, or the public key of a new pair, which does. The one before goes on
    signing beside it until the overlap ends.

    Raises EndpointGone.
    """
    current = locked(endpoint.id)
    mine = WebhookSecret.objects.filter(endpoint=current)
    mine.filter(expires_at__lte=now).delete()
    if overlap:
        mine.filter(expires_at=None).update(expires_at=now + overlap)
        old = mine.order_by("-created_at").values_list("id", flat=True)
        mine.exclude(id__in=list(old[:MOST_OLD_SECRETS])).delete()
    else:
        mine.delete()
    secret = add_secret(current, now=now)
    tell(current, "updated", now=now, reason="Its secret was changed.")
    return secret


def tell(endpoint: WebhookEndpoint, word: str, *, now: datetime, reason: str | None = None) -> None:
    """The other endpoints; and this process, whose ingestion may have somebody new to tell."""
    draft = Draft(
        organization_id=endpoint.organization_id,
        type=f"webhook.endpoint.{word}",
        data=endpoint_data(endpoint, reason),
        mode=endpoint.mode,
        happened_at=now,
    )
    record_events([draft], beside=endpoint.id)
    transaction.on_commit(forget_listeners)
