"""Register, change and remove services."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from monitor.alerts.ending import end_all_of
from monitor.models import Organization, Service
from monitor.models.services import forget_longest_retention
from monitor.services.tasks import purge_service

NAME_PROMISE = "service_name_once_per_organization"


class NameTaken(Exception):
    """The organization has a service of this name."""

    def __init__(self) -> None:
        super().__init__("The organization has a service of this name already.")


def register_service(*, organization: Organization, **fields: Any) -> Service:
    """A new service. Raises NameTaken."""
    with _unique_name():
        service = Service.objects.create(organization=organization, **fields)
    forget_longest_retention()
    return service


def change_service(service: Service, **fields: Any) -> Service:
    """The service with these fields changed. Raises NameTaken."""
    for name, value in fields.items():
        setattr(service, name, value)
    with _unique_name():
        service.save(update_fields=list(fields))
    forget_longest_retention()
    return service


@transaction.atomic
def remove_service(service: Service, *, now: datetime) -> None:
    """The service is gone from every page and API at once, and what its rules told is over; a task removes
    what hangs on it."""
    end_all_of(service.id, now=now)
    service.mark_deleted(now=now)
    purge_service.defer(service_id=str(service.id))


@contextmanager
def _unique_name() -> Iterator[None]:
    """A savepoint that turns the broken promise about names into NameTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if NAME_PROMISE in str(error):
            raise NameTaken() from error
        raise
