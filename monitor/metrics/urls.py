"""Routes of the metrics."""

from django.urls import path

from monitor.metrics import api, pages

api_routes = [path("metrics", api.MetricsView.as_view())]

page_routes = [path("metrics-ui", pages.metrics, name="metrics")]
