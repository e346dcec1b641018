"""Routes of error issues."""

from django.urls import path

from monitor.issues import api, pages

api_routes = [
    path("issues", api.IssuesView.as_view()),
    path("issues/<str:issue_id>", api.IssueView.as_view()),
]

page_routes = [
    path("issues", pages.issues, name="issues"),
    path("issues/<uuid:issue_id>", pages.issue, name="issue"),
]
