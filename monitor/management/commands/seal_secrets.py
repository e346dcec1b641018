"""`manage.py seal_secrets`: seals every secret in the database with the first of SECRETS_KEYS."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from monitor.lib.secrets import CannotOpen, fingerprint, reseal, unseal
from monitor.models import (
    ConsumerErasure,
    IdempotentRequest,
    Monitor,
    MonitorProxy,
    NotificationChannel,
    StatusSubscriber,
    WebhookEndpoint,
    WebhookSecret,
)
from monitor.status.subscribing import known_as

# Every column that holds something sealed.
SEALED: tuple[tuple[type[models.Model], str], ...] = (
    (WebhookSecret, "sealed"),
    (WebhookEndpoint, "sealed_headers"),
    (Monitor, "sealed"),
    (MonitorProxy, "sealed"),
    (ConsumerErasure, "sealed_names"),
    (NotificationChannel, "sealed"),
    (IdempotentRequest, "sealed_body"),
    (StatusSubscriber, "sealed"),
    (StatusSubscriber, "sealed_secret"),
)
# Columns with a fingerprint, which is of the same key, and the text that it is of.
FINGERPRINTS: dict[type[models.Model], tuple[str, Callable[[Any], str]]] = {
    StatusSubscriber: ("digest", lambda row: known_as(row.kind, unseal(row.sealed))),
}

# JSON columns with sealed texts under these names: authenticator apps, and the seeds of recovery codes.
SEALED_WITHIN: tuple[tuple[type[models.Model], str, tuple[str, ...]], ...] = (
    (Authenticator, "data", ("secret", "seed")),
)


class Command(BaseCommand):
    help = "Seals secrets with the newest key. Afterwards the older ones may be taken out of SECRETS_KEYS."

    def handle(self, **options: Any) -> None:
        count = 0
        for model, column in SEALED:
            for pk in list(model._default_manager.exclude(**{column: None}).values_list("pk", flat=True)):
                count += seal_again(model, pk, column)
        for model, column, names in SEALED_WITHIN:
            for pk in list(model._default_manager.values_list("pk", flat=True)):
                count += seal_within(model, pk, column, names)
        self.stdout.write(f"{count} secrets are sealed with the first key.")


@transaction.atomic
def seal_again(model: type[models.Model], pk: object, column: str) -> int:
    """1, or 0 when the row or its secret has gone meanwhile."""
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    sealed: bytes | None = getattr(row, column, None)
    if row is None or sealed is None:
        return 0
    try:
        setattr(row, column, reseal(sealed))
    except CannotOpen as error:
        raise CommandError(f"{model._meta.verbose_name} {pk}: {error}") from None
    columns = [column]
    if model in FINGERPRINTS:
        name, text_of = FINGERPRINTS[model]
        setattr(row, name, fingerprint(text_of(row)))
        columns.append(name)
    row.save(update_fields=columns)
    return 1


@transaction.atomic
def seal_within(model: type[models.Model], pk: object, column: str, names: tuple[str, ...]) -> int:
    """How many of the names held a secret."""
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    found: dict[str, Any] = getattr(row, column, None) or {}
    secrets = {name: found[name] for name in names if name in found}
    if row is None or not secrets:
        return 0
    try:
        renewed = {name: reseal(text.encode()).decode() for name, text in secrets.items()}
    except CannotOpen as error:
        raise CommandError(f"{model._meta.verbose_name} {pk}: {error}") from None
    setattr(row, column, {**found, **renewed})
    row.save(update_fields=[column])
    return len(renewed)
