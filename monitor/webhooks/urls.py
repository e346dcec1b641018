"""Routes of webhooks."""

from django.urls import path

from monitor.webhooks import api, deliveries

api_routes = [
    path("webhook-endpoints", api.EndpointsView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>", api.EndpointView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/rotate-secret", api.RotateSecretView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/test", api.TestView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/replay-failed", api.ReplayFailedView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/stop-replays", api.StopReplaysView.as_view()),
    path("webhook-deliveries", deliveries.DeliveriesView.as_view()),
    path("webhook-deliveries/<str:delivery_id>", deliveries.DeliveryView.as_view()),
    path("webhook-deliveries/<str:delivery_id>/retry", deliveries.RetryView.as_view()),
]
