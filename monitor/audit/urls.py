"""Routes of the audit log."""

from django.urls import path

from monitor.audit import api, pages

api_routes = [
    path("audit-log", api.AuditLogView.as_view()),
    path("audit-log/export", api.AuditExportView.as_view()),
]

page_routes = [path("audit", pages.audit_log, name="audit")]
