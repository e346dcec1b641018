"""Routes of webhooks."""

from django.urls import path

from monitor.webhooks import api, deliveries, feed, pages

api_routes = [
    path("webhook-endpoints", api.EndpointsView.as_view()),
    path("webhook-endpoints/<str:webhook_id>", api.EndpointView.as_view()),
    path("webhook-endpoints/<str:webhook_id>/rotate-secret", api.RotateSecretView.as_view()),
    path("webhook-endpoints/<str:webhook_id>/test", api.TestView.as_view()),
    path("webhook-endpoints/<str:webhook_id>/replay-failed", api.ReplayFailedView.as_view()),
    path("webhook-endpoints/<str:webhook_id>/stop-replays", api.StopReplaysView.as_view()),
    path("webhook-deliveries", deliveries.DeliveriesView.as_view()),
    path("webhook-deliveries/<str:delivery_id>", deliveries.DeliveryView.as_view()),
    path("webhook-deliveries/<str:delivery_id>/retry", deliveries.RetryView.as_view()),
]

page_routes = [
    path("webhooks", pages.webhooks, name="webhooks"),
    path("webhooks/events", pages.event_types, name="event-types"),
    path("webhooks/feed", feed.events, name="events"),
    path("webhooks/feed/<uuid:event_id>", feed.event, name="event"),
    path("webhooks/<uuid:webhook_id>", pages.webhook, name="webhook"),
    path("webhooks/<uuid:webhook_id>/turn", pages.turn, name="webhook-turn"),
    path("webhooks/<uuid:webhook_id>/rotate", pages.rotate, name="webhook-rotate"),
    path("webhooks/<uuid:webhook_id>/test", pages.test, name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/delete", pages.delete, name="webhook-delete"),
    path("webhooks/<uuid:webhook_id>/resend", pages.resend, name="webhook-resend"),
    path("webhooks/<uuid:webhook_id>/stop", pages.stop, name="webhook-stop"),
    path("webhooks/deliveries/<uuid:delivery_id>", pages.delivery, name="webhook-delivery"),
    path("webhooks/deliveries/<uuid:delivery_id>/again", pages.send_again, name="webhook-again"),
]
