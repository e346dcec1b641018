"""Mounts the admin, the API and the pages."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from monitor.api import health

urlpatterns = [
    path("health", health.health),
    path("health/live", health.live),
    path("", include("monitor.access.urls")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("", include("monitor.api.docs")),
    path("", include("monitor.urls")),
]

handler400 = "monitor.api.errors.bad_request"
handler403 = "monitor.api.errors.forbidden"
handler404 = "monitor.api.errors.not_found"
handler500 = "monitor.api.errors.server_error"
