"""The admin site: its front page with the last hour, and its menu in the product's own order."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.utils import timezone

from monitor.access.second_factor import WHY, has_second_factor, is_required_in_admin, used_second_factor
from monitor.admin.limits import TookTooLong
from monitor.admin.overview import Overview, last_hour
from monitor.admin.shared import NAMES

# Section -> models, by object name. What is registered and not named here comes last.
SECTIONS = {
    "Services": (
        *("Service", "ApiKey", "Endpoint", "EndpointMove", "ExclusionRule", "Consumer", "Deployment"),
    ),
    "Traffic": ("RequestLog", "Replay"),
    "Monitors": ("Monitor", "MonitorProxy", "MonitorTag", "Beat", "Maintenance"),
    "Status pages": ("StatusPage", "StatusSubscriber"),
    "Alerts": ("AlertRule", "AlertEvent", "ErrorIssue"),
    "Channels": ("NotificationChannel", "NotificationDelivery"),
    "Webhooks": ("WebhookEndpoint", "WebhookDelivery", "Event"),
    "People": ("Organization", "Membership", "User", "Plan"),
}
OTHERS = "Operation"


class MonitorAdminSite(AdminSite):
    """Asks every visitor for a staff login, whatever ANONYMOUS_ACCESS grants on the pages."""

    site_title = site_header = "API Monitor"
    index_title = "Administration"

    def has_permission(self, request: HttpRequest) -> bool:
        if is_required_in_admin(request.user) and not used_second_factor(request):
            return False
        return super().has_permission(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override] # every answer is a redirect or a refusal
        """No second way in: the sign-in page has the lockout and the second factor."""
        target = request.GET.get("next") or resolve_url("admin:index")
        if not isinstance(request.user, User):
            return redirect_to_login(target)
        if not (request.user.is_staff and request.user.is_active):
            raise PermissionDenied
        if self.has_permission(request):
            return redirect("admin:index")
        if has_second_factor(request.user):
            return redirect_to_login(target, login_url=resolve_url("mfa_reauthenticate"))
        messages.warning(request, WHY)
        return redirect("mfa_index")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**overview_for(request), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Sections instead of Django apps, as nobody who manages services thinks in packages."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        models = {model["object_name"]: model for app in apps for model in app["models"]}
        for name in NAMES.keys() & models.keys():
            models[name]["name"] = NAMES[name]
        named = {
            section: [models.pop(name) for name in names if name in models]
            for section, names in SECTIONS.items()
        }
        named[OTHERS] = list(models.values())
        return [section_of(name, entries) for name, entries in named.items() if entries]


def section_of(name: str, models: list[Any]) -> dict[str, Any]:
    """A part of the menu, in the shape that Django's templates read."""
    return {
        "name": name,
        "app_label": name.lower(),
        "app_url": "",
        "has_module_perms": True,
        "models": models,
    }


def overview_for(request: HttpRequest) -> dict[str, Overview | bool | None]:
    """The last hour for staff who may read logs; nothing for others."""
    if not request.user.has_perm("monitor.view_requestlog"):
        return {"overview": None, "may_read_logs": False}
    try:
        return {"overview": last_hour(now=timezone.now()), "may_read_logs": True}
    except TookTooLong:
        return {"overview": None, "may_read_logs": True}
