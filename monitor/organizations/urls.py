"""Routes of organizations."""

from django.urls import path

from monitor.organizations import api, pages, plan_api

api_routes = [
    path("organizations", api.OrganizationsView.as_view()),
    path("plans", plan_api.PlanViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "plans/<str:plan_id>",
        plan_api.PlanViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]
page_routes = [
    path("organizations/<uuid:organization_id>/retention", pages.retention, name="organization-retention")
]
