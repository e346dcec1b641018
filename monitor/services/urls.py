"""Routes of services and their keys."""

from django.urls import path

from monitor.services import api

api_routes = [
    path("services", api.ServiceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "services/<str:service_id>",
        api.ServiceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("services/<str:service_id>/keys", api.KeyListView.as_view({"get": "list", "post": "create"})),
    path("services/<str:service_id>/keys/<str:key_id>", api.KeyView.as_view()),
]
