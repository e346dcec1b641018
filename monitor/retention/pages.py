"""The page of what is kept and when it goes."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.permissions import require
from monitor.lib.actors import Scope
from monitor.models import Organization, Service
from monitor.retention.storage import look_at_storage


@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    """Bytes by service, the oldest log really there, what goes next, and what went."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    organizations = Organization.objects.filter(id__in=actor.organizations(Scope.MANAGE)).order_by("name")
    mine = Service.objects.within_reach_of(actor, Scope.MANAGE).values_list("id", flat=True)
    context = {
        "section": "storage",
        "storage": look_at_storage(set(mine), now=timezone.now()),
        "organizations": [] if actor.service_id else organizations,
        "retention_days": settings.RETENTION_DAYS,
        "max_database_bytes": settings.MAX_DATABASE_BYTES,
        "min_free_disk_bytes": settings.MIN_FREE_DISK_BYTES,
    }
    return render(request, "retention/storage.html", context)
