"""Routes of replays."""

from django.urls import path

from monitor.replay import api, pages

api_routes = [
    path("logs/<str:log_id>/replay", api.ReplayView.as_view()),
    path("logs/<str:log_id>/replays", api.ReplayListView.as_view()),
]

page_routes = [path("replay/<uuid:log_id>", pages.replay, name="replay")]
