"""Which monitors and maintenances an actor may see and change."""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework.exceptions import PermissionDenied, ValidationError

from monitor.api.permissions import check_service, require
from monitor.lib.actors import Actor, Scope
from monitor.models import Maintenance, Monitor, MonitorProxy, Organization, Service
from monitor.models.tenants import DEFAULT_ORGANIZATION

Owned = TypeVar("Owned", bound=Model)
NO_SUCH_ORGANIZATION = "No such organization."


def reach_monitor(actor: Actor, monitor_id: UUID, scope: Scope) -> Monitor:
    """The monitor, when the actor may do this to it: 404 beyond its organizations, else 403."""
    monitor = (
        Monitor.objects.select_related("standing", "service", "proxy")
        .filter(id=monitor_id, organization__in=list(actor.grants))
        .first()
    )
    if monitor is None:
        raise Http404("No such monitor.")
    if actor.service_id is not None and monitor.service_id != actor.service_id:
        raise PermissionDenied("This API key belongs to another service.", code="other_service")
    require(actor, scope, monitor.organization_id)
    return monitor


def reach_owned(found: QuerySet[Owned], actor: Actor, id_: UUID, scope: Scope) -> Owned:
    """A row of an organization, when the actor may do this to it: 404 beyond its organizations, else 403."""
    row = found.filter(id=id_, organization__in=list(actor.grants)).first()
    if row is None:
        raise Http404("No such row.")
    organization_id: UUID = row.organization_id  # type: ignore[attr-defined] # whatever an organization owns
    require(actor, scope, organization_id)
    if scope is not Scope.READ:
        refuse_service_keys(actor)
    return row


def refuse_service_keys(actor: Actor) -> None:
    """What all services of an organization share, a key of one of them may not change."""
    if actor.service_id is not None:
        raise PermissionDenied("This API key belongs to one service.", code="other_service")


def home_of(actor: Actor, asked: Organization | None, service: Service | None) -> Organization:
    """Where a new monitor goes: with its service, as asked, the actor's only organization, or Default.

    Raises ValidationError and PermissionDenied.
    """
    if service is not None:
        return service.organization
    if actor.service_id is not None:
        raise ValidationError({"service_id": "A key of one service makes monitors of that service."})
    mine = actor.organizations(Scope.MANAGE)
    if asked is not None:
        if asked.id not in actor.grants:
            raise ValidationError({"organization": NO_SUCH_ORGANIZATION}, code="does_not_exist")
        require(actor, Scope.MANAGE, asked.id)
        return asked
    homes = list(Organization.objects.filter(id__in=mine)[:2])
    home = (
        homes[0]
        if len(homes) == 1
        else Organization.objects.filter(id__in=mine, name=DEFAULT_ORGANIZATION).first()
    )
    if home is None:
        raise ValidationError({"organization": "You are in several organizations: name one."})
    return home


def service_for(actor: Actor, service_id: UUID | None) -> Service | None:
    """The service that a monitor is to be tied to. Raises Http404 and PermissionDenied."""
    if service_id is None:
        return None
    service = Service.objects.alive().filter(id=service_id, organization__in=list(actor.grants)).first()
    if service is None:
        raise Http404("No such service.")
    check_service(actor, service, Scope.MANAGE)
    return service


def reach_maintenance(actor: Actor, maintenance_id: UUID, scope: Scope) -> Maintenance:
    """The maintenance, when the actor may do this to it: 404 beyond what it sees, else 403."""
    found = Maintenance.objects.filter(id=maintenance_id, organization__in=list(actor.grants)).first()
    if found is None:
        raise Http404("No such maintenance.")
    require(actor, scope, found.organization_id)
    if scope != Scope.READ or not Maintenance.objects.visible_to(actor).filter(id=found.id).exists():
        require_whole(actor)
    return found


def require_whole(actor: Actor) -> None:
    """Windows reach across services, so a key of one service makes none. Raises PermissionDenied."""
    if actor.service_id is not None:
        raise PermissionDenied("This API key belongs to one service.", code="other_service")


def service_within(actor: Any, service_id: Any, monitor: Monitor) -> Any:
    """The service of the monitor's own organization. A key of a service cannot give its monitor away."""
    if actor.service_id is not None and service_id != actor.service_id:
        raise ValidationError({"service_id": "A key of one service keeps its monitors."})
    service = service_for(actor, service_id)
    if service is not None and service.organization_id != monitor.organization_id:
        raise ValidationError({"service_id": "The service is of another organization."})
    return service


def parent_for(parent_id: Any, organization_id: Any, *, child: Monitor | None = None) -> Monitor | None:
    if parent_id is None:
        return None
    parent = Monitor.objects.filter(id=parent_id, organization=organization_id).first()
    if parent is None or parent.kind != "group":
        raise ValidationError({"parent_id": "Must be a group of the same organization."})
    above: Monitor | None = parent
    while above is not None:
        if child is not None and above.id == child.id:
            raise ValidationError({"parent_id": "A group cannot be part of itself."})
        above = above.parent
    return parent


def proxy_for(proxy_id: Any, organization_id: Any) -> MonitorProxy | None:
    """Raises ValidationError."""
    if proxy_id is None:
        return None
    proxy = MonitorProxy.objects.filter(id=proxy_id, organization=organization_id).first()
    if proxy is None:
        raise ValidationError({"proxy_id": "Must be a proxy of the same organization."})
    return proxy


def reach_proxy(actor: Any, proxy_id: Any) -> MonitorProxy | None:
    if proxy_id is None:
        return None
    return reach_owned(MonitorProxy.objects.all(), actor, proxy_id, Scope.READ)
