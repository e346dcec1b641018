"""Routes of journeys."""

from django.urls import path

from monitor.journeys import api, pages

api_routes = [
    path("journeys/import", api.JourneyImportView.as_view()),
    path("journeys/ready-made", api.ReadyMadeView.as_view()),
]

page_routes = [
    path("journeys/new", pages.new, name="journey-new"),
    path("journeys/import", pages.bring, name="journey-import"),
    path("journeys/<uuid:monitor_id>/edit", pages.edit, name="journey-edit"),
    path("journeys/<uuid:monitor_id>/runs/<uuid:beat_id>", pages.run, name="journey-run"),
]
