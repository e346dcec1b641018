"""Routes of events."""

from django.urls import path

from monitor.events import api

api_routes = [
    path("events", api.EventsView.as_view()),
    path("events/<str:event_id>", api.EventView.as_view()),
    path("event-types", api.EventTypesView.as_view()),
]
