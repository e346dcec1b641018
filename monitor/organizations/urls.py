"""Routes of organizations."""

from django.urls import path

from monitor.organizations import api, pages

api_routes = [
    path("organizations", api.OrganizationsView.as_view()),
]
page_routes = [
    path("organizations/<uuid:organization_id>/retention", pages.retention, name="organization-retention")
]
