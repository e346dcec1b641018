"""Routes of the log search. `logs` itself is shared with the ingest door: see monitor/urls.py."""

from django.urls import path

from monitor.search import api, pages

api_routes = [path("logs/<str:log_id>", api.LogView.as_view())]

page_routes = [
    path("dashboard", pages.logs, name="logs"),
    path("dashboard/rows", pages.log_rows, name="log-rows"),
    path("log/<uuid:log_id>", pages.log, name="log"),
]
