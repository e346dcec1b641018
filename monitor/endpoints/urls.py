"""Routes of endpoints."""

from django.urls import path

from monitor.endpoints import api, pages

api_routes = [path("endpoints", api.EndpointsView.as_view())]

page_routes = [
    path("endpoints", pages.endpoints, name="endpoints"),
    path("endpoints/<uuid:endpoint_id>", pages.endpoint, name="endpoint"),
]
