"""Mounts the admin, the API and the pages."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from monitor.api import health

urlpatterns = [
    path("health", health.health),
    path("health/live", health.live),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("", include("monitor.urls")),
]
