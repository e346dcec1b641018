"""Routes of status pages: the public ones, the API's, and those that manage."""

from django.urls import path

from monitor.status import api, badge_doors, doors, pages, public, subscriber_api, subscriber_pages
from monitor.status.rendering import ALL_PARTS

# For anybody; a page with a password asks for it.
public_routes = [
    path(f"status/<str:slug>{'/' if part else ''}{part}", public.at_slug, {"part": part})
    for part in ALL_PARTS
]
public_routes += [
    path("status/<str:slug>/history/<str:month>", public.month_at_slug),
    path("status/<str:slug>/subscribe", doors.subscribe_at_slug),
    path("status/<str:slug>/confirm/<str:token>", doors.confirm_at_slug),
    path("status/<str:slug>/unsubscribe/<str:token>", doors.leave_at_slug),
]
# The key in the address is all that is asked for.
badge_routes = [path("badge/<str:key>/<str:what>", badge_doors.badge)]

api_routes = [
    path("monitors/<str:monitor_id>/badge", badge_doors.BadgeView.as_view()),
    path("status-pages", api.StatusPageViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "status-pages/<str:status_page_id>",
        api.StatusPageViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("status-pages/<str:status_page_id>/incidents", api.StatusIncidentsView.as_view()),
    path("status-pages/<str:status_page_id>/incidents/<str:incident_id>", api.StatusIncidentView.as_view()),
    path(
        "status-pages/<str:status_page_id>/incidents/<str:incident_id>/updates",
        api.StatusUpdatesView.as_view(),
    ),
    path("status-pages/<str:status_page_id>/subscribers", subscriber_api.StatusSubscribersView.as_view()),
    path(
        "status-pages/<str:status_page_id>/subscribers/<str:subscriber_id>",
        subscriber_api.StatusSubscriberView.as_view(),
    ),
]

page_routes = [
    path("monitors/<uuid:monitor_id>/badges", pages.badges, name="monitor-badges"),
    path("status-pages", pages.status_pages, name="status-pages"),
    path("status-pages/new", pages.new, name="status-page-new"),
    path("status-pages/<uuid:page_id>", pages.edit, name="status-page"),
    path("status-pages/<uuid:page_id>/preview", pages.preview, name="status-page-preview"),
    path("status-pages/<uuid:page_id>/delete", pages.delete, name="status-page-delete"),
    path("status-pages/<uuid:page_id>/incidents", pages.tell, name="status-incident-new"),
    path(
        "status-pages/<uuid:page_id>/incidents/<uuid:incident_id>",
        pages.update,
        name="status-incident-update",
    ),
    path(
        "status-pages/<uuid:page_id>/incidents/<uuid:incident_id>/delete",
        pages.remove_incident,
        name="status-incident-delete",
    ),
    path("status-pages/<uuid:page_id>/subscribers", subscriber_pages.subscribers, name="status-subscribers"),
    path(
        "status-pages/<uuid:page_id>/subscribers/<uuid:subscriber_id>/delete",
        subscriber_pages.remove,
        name="status-subscriber-delete",
    ),
]
