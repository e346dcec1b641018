"""Routes of our own calls."""

from django.urls import path

from monitor.own import api, pages

api_routes = [path("request-logs", api.RequestLogsView.as_view())]

page_routes = [path("request-logs", pages.request_logs, name="request-logs")]
