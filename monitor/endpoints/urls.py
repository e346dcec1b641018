"""Routes of endpoints."""

from django.urls import path

from monitor.endpoints import api, change_pages, one, pages

api_routes = [
    path("endpoints", api.EndpointsView.as_view()),
    path("endpoints/<str:endpoint_id>", one.EndpointView.as_view()),
    path("endpoints/<str:endpoint_id>/merge", one.MergeView.as_view()),
    path("endpoints/<str:endpoint_id>/split", one.SplitView.as_view()),
]

page_routes = [
    path("endpoints", pages.endpoints, name="endpoints"),
    path("endpoints/<uuid:endpoint_id>", pages.endpoint, name="endpoint"),
    path("endpoints/<uuid:endpoint_id>/change", change_pages.change, name="endpoint-change"),
]
