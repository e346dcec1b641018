"""Routes of usage."""

from django.urls import path

from monitor.usage import api, pages

api_routes = [path("usage", api.UsageView.as_view())]
page_routes = [path("usage", pages.usage, name="usage")]
