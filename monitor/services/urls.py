"""Routes of services and their keys."""

from django.urls import path

from monitor.services import api, exclusion_api, exclusion_pages, pages

api_routes = [
    path("services", api.ServiceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "services/<str:service_id>",
        api.ServiceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("services/<str:service_id>/exclusions", exclusion_api.ExclusionsView.as_view()),
    path("services/<str:service_id>/exclusions/<str:exclusion_id>", exclusion_api.ExclusionView.as_view()),
    path("services/<str:service_id>/keys", api.KeyListView.as_view({"get": "list", "post": "create"})),
    path("services/<str:service_id>/instances", api.InstanceListView.as_view({"get": "list"})),
    path("services/<str:service_id>/keys/<str:key_id>", api.KeyView.as_view()),
]

page_routes = [
    path("", pages.services, name="services"),
    path("services/<uuid:service_id>", pages.service, name="service"),
    path("services/<uuid:service_id>/exclusions", exclusion_pages.exclusions, name="service-exclusions"),
    path("services/<uuid:service_id>/settings", pages.change, name="service-settings"),
    path("services/<uuid:service_id>/keys", pages.make_key, name="service-keys"),
    path("services/<uuid:service_id>/keys/<uuid:key_id>/rotate", pages.rotate, name="service-key-rotate"),
    path("services/<uuid:service_id>/keys/<uuid:key_id>/revoke", pages.revoke, name="service-key-revoke"),
    path("services/<uuid:service_id>/remove", pages.remove, name="service-remove"),
]
