"""Routes of the export."""

from django.urls import path

from monitor.export.api import ExportLogs

api_routes = [path("logs/export", ExportLogs.as_view())]
