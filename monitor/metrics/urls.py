"""Routes of the metrics."""

from django.urls import path

from monitor.metrics import api

api_routes = [path("metrics", api.MetricsView.as_view())]
