"""Routes of retention."""

from django.urls import path

from monitor.retention import pages

page_routes = [path("storage", pages.storage, name="storage")]
