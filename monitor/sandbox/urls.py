"""Routes of the sandbox."""

from django.urls import path

from monitor.sandbox import api, pages

api_routes = [path("sandbox", api.SandboxView.as_view())]

page_routes = [
    path("sandbox", pages.sandbox, name="sandbox"),
    path("sandbox/drop", pages.drop, name="sandbox-drop"),
]
