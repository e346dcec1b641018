"""Routes of the installation's own health."""

from django.urls import path

from monitor.health import pages

page_routes = [path("health-ui", pages.health, name="health")]
