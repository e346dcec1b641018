"""Routes of the metrics' pages; their one address in the API is shared, see `monitor.urls`."""

from django.urls import path

from monitor.metrics import pages

page_routes = [path("metrics-ui", pages.metrics, name="metrics")]
