"""A short list: every room's routes."""

from django.urls import include, path

from monitor.alerts.urls import api_routes as alert_routes
from monitor.alerts.urls import page_routes as alert_page_routes
from monitor.apitally.urls import hub_routes
from monitor.audit.urls import api_routes as audit_routes
from monitor.audit.urls import page_routes as audit_page_routes
from monitor.channels.urls import api_routes as channel_routes
from monitor.channels.urls import page_routes as channel_page_routes
from monitor.compliance.api import OrganizationView as DeletesOrganization
from monitor.compliance.urls import api_routes as compliance_routes
from monitor.compliance.urls import page_routes as compliance_page_routes
from monitor.compliance.urls import receipt_routes
from monitor.consumers.urls import api_routes as consumer_routes
from monitor.consumers.urls import page_routes as consumer_page_routes
from monitor.curl.urls import page_routes as curl_page_routes
from monitor.deployments.urls import api_routes as deployment_routes
from monitor.endpoints.urls import api_routes as endpoint_routes
from monitor.endpoints.urls import page_routes as endpoint_page_routes
from monitor.events.urls import api_routes as event_routes
from monitor.export.urls import api_routes as export_routes
from monitor.health.api import PrometheusView
from monitor.health.urls import page_routes as health_page_routes
from monitor.imports.urls import api_routes as import_routes
from monitor.imports.urls import page_routes as import_page_routes
from monitor.ingest.api import IngestBatch
from monitor.issues.urls import api_routes as issue_routes
from monitor.issues.urls import page_routes as issue_page_routes
from monitor.journeys.urls import api_routes as journey_routes
from monitor.journeys.urls import page_routes as journey_page_routes
from monitor.metrics.api import MetricsView
from monitor.metrics.urls import page_routes as metric_page_routes
from monitor.monitors.urls import api_routes as monitor_routes
from monitor.monitors.urls import page_routes as monitor_page_routes
from monitor.organizations.api import OrganizationView as TellsOrganization
from monitor.organizations.urls import api_routes as organization_routes
from monitor.organizations.urls import page_routes as organization_page_routes
from monitor.otlp.api import OneLogOrRecords, Points
from monitor.otlp.urls import api_routes as trace_routes
from monitor.otlp.urls import otlp_routes
from monitor.own.urls import api_routes as own_routes
from monitor.own.urls import page_routes as own_page_routes
from monitor.people.urls import api_routes as people_routes
from monitor.people.urls import invitation_routes, openid_routes
from monitor.people.urls import page_routes as people_page_routes
from monitor.push.urls import ping_routes
from monitor.replay.urls import api_routes as replay_routes
from monitor.replay.urls import page_routes as replay_page_routes
from monitor.retention.urls import page_routes as storage_page_routes
from monitor.sandbox.urls import api_routes as sandbox_routes
from monitor.sandbox.urls import page_routes as sandbox_page_routes
from monitor.search.api import SearchLogs
from monitor.search.urls import api_routes as search_routes
from monitor.search.urls import page_routes as search_page_routes
from monitor.services.urls import api_routes as service_routes
from monitor.services.urls import page_routes as service_page_routes
from monitor.status.urls import api_routes as status_routes
from monitor.status.urls import badge_routes
from monitor.status.urls import page_routes as status_page_routes
from monitor.status.urls import public_routes as status_public_routes
from monitor.tail.urls import api_routes as tail_routes
from monitor.usage.urls import api_routes as usage_routes
from monitor.usage.urls import page_routes as usage_page_routes
from monitor.webhooks.urls import api_routes as webhook_routes
from monitor.webhooks.urls import page_routes as webhook_page_routes


class LogsView(SearchLogs, OneLogOrRecords):
    """One address, two rooms: reading searches, posting ingests."""


class MetricsOrPoints(MetricsView, Points):
    """One address, two rooms: reading measures, posting is OpenTelemetry's."""


class OrganizationView(TellsOrganization, DeletesOrganization):
    """One address, two rooms: telling and setting is of organizations, deleting of compliance."""


api_patterns = [
    path("logs", LogsView.as_view()),
    path("logs/batch", IngestBatch.as_view()),
    path("metrics", MetricsOrPoints.as_view()),
    path("organizations/<str:organization_id>", OrganizationView.as_view()),
    *trace_routes,
    *tail_routes,
    *export_routes,
    *import_routes,
    *search_routes,
    *service_routes,
    *alert_routes,
    *replay_routes,
    *deployment_routes,
    *endpoint_routes,
    *consumer_routes,
    *issue_routes,
    *event_routes,
    *webhook_routes,
    *channel_routes,
    *monitor_routes,
    *audit_routes,
    *own_routes,
    *sandbox_routes,
    *usage_routes,
    *organization_routes,
    *people_routes,
    *compliance_routes,
    *journey_routes,
    *status_routes,
]

page_patterns = [
    *service_page_routes,
    *search_page_routes,
    *metric_page_routes,
    *endpoint_page_routes,
    *consumer_page_routes,
    *issue_page_routes,
    *monitor_page_routes,
    *journey_page_routes,
    *status_page_routes,
    *alert_page_routes,
    *channel_page_routes,
    *webhook_page_routes,
    *replay_page_routes,
    *import_page_routes,
    *curl_page_routes,
    *usage_page_routes,
    *organization_page_routes,
    *storage_page_routes,
    *audit_page_routes,
    *own_page_routes,
    *sandbox_page_routes,
    *health_page_routes,
    *people_page_routes,
    *compliance_page_routes,
]

urlpatterns = [
    *ping_routes,
    *invitation_routes,
    *openid_routes,
    *receipt_routes,
    *status_public_routes,
    *badge_routes,
    path("metrics", PrometheusView.as_view()),
    path("v1/", include(api_patterns)),
    path("otlp/", include(otlp_routes)),
    *hub_routes,
    # Routed here, a page is closed to strangers: see monitor.access.gate.
    path("", include((page_patterns, "pages"))),
]
