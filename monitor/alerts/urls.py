"""Routes of the alerts."""

from django.urls import path

from monitor.alerts import api

api_routes = [
    path("alerts", api.AlertRuleViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "alerts/<str:alert_id>",
        api.AlertRuleViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("alerts/<str:alert_id>/events", api.AlertEventsView.as_view()),
]
