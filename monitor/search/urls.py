"""Routes of the log search. `logs` itself is shared with the ingest door: see monitor/urls.py."""

from django.urls import path

from monitor.search import api, pages, picked_pages
from monitor.search.facets import pages as facet_pages
from monitor.search.facets.api import FacetsView
from monitor.search.saved import pages as saved_pages
from monitor.search.saved.api import SavedViewViewSet

api_routes = [
    path("logs/facets", FacetsView.as_view()),
    path("logs/<str:log_id>", api.LogView.as_view()),
    path("views", SavedViewViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "views/<str:view_id>",
        SavedViewViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]

page_routes = [
    path("dashboard", pages.logs, name="logs"),
    path("dashboard/rows", pages.log_rows, name="log-rows"),
    path("dashboard/facets", facet_pages.facets, name="facets"),
    path("dashboard/views", saved_pages.save, name="views"),
    path("dashboard/views/<uuid:view_id>", saved_pages.change, name="view"),
    path("dashboard/views/<uuid:view_id>/delete", saved_pages.remove, name="view-delete"),
    path("picked", picked_pages.picked, name="picked"),
    path("log/<uuid:log_id>", pages.log, name="log"),
    path("log/<uuid:log_id>/copy", pages.copy, name="log-copy"),
]
