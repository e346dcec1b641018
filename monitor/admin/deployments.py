"""What was deployed, as programs reported it.

Its id says what and when, so what is wrong is deleted and reported anew.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shown import moment
from monitor.models import Deployment


@admin.register(Deployment)
class DeploymentAdmin(EndlessAdmin):
    permissions = ("view", "delete")
    change_form_template = "admin/read_only.html"
    list_display = ("version", "service", "environment", "deployed", "reported_by")
    list_select_related = ("service",)
    search_fields = ("version", "service__name", "environment")
    fields = ("version", "environment", "service", "deployed", "reported_by", "reported", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deployment]:
        return super().get_queryset(request).filter(service__deleted_at=None).select_related("service")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Deployed at")
    def deployed(self, deployment: Deployment) -> SafeString | str:
        return moment(deployment.deployed_at, "clock")

    @admin.display(description="Reported at")
    def reported(self, deployment: Deployment) -> SafeString | str:
        return moment(deployment.reported_at)
